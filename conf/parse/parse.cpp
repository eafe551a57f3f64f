// Stores one option at a time in Options, with dnsmasq's rules about values and repetition; then checks options against each other.
#include "conf/parse/parse.hpp"

#include <algorithm>
#include <utility>

#include "conf/base/printable.hpp"
#include "conf/options/leader_zones.hpp"
#include "conf/options/option_access.hpp"
#include "conf/parse/parser.hpp"
#include "conf/values/leader_name.hpp"
#include "conf/values/line_syntax.hpp"
#include "conf/values/shadow_value.hpp"

namespace lictor::conf {
namespace {

// A file that is not a configuration file must not fill the memory with messages.
constexpr std::size_t complaints_max = 100;
constexpr std::size_t dhcp_names_max = 8;

std::string with_example(const Row& row) {
    const auto argument = row.argument.empty() ? std::string_view("VALUE") : row.argument;
    return "write " + std::string(row.name) + '=' + std::string(argument) +
           (row.shape == Shape::value ? "" : ", or " + std::string(row.name) + "= for none");
}

}  // namespace

void Parser::error(const std::string& place, std::string text, bool file_missing) {
    if (parsed_.errors.size() < complaints_max) parsed_.errors.push_back({place, std::move(text), file_missing});
    else ++errors_left_out_;
}

void Parser::warning(const std::string& place, std::string text) {
    if (parsed_.warnings.size() < complaints_max) parsed_.warnings.push_back({place, std::move(text), false});
    else ++warnings_left_out_;
}

std::string Parser::place_of(std::string_view name) const {
    const auto found = given_.find(name);
    if (found == given_.end()) return {};
    const auto& given = found->second;
    return !given.file.empty() ? given.file : !given.command_line.empty() ? given.command_line : given.environment;
}

void Parser::unknown(std::string_view name, const std::string& place) {
    // The search compares all names; for an error that is not reported it is skipped.
    if (parsed_.errors.size() >= complaints_max) return error(place, {});
    // `port 53`: a blank in place of '='.
    const auto blank = name.find_first_of(" \t");
    const auto first = name.substr(0, blank);
    if (const auto* row = blank == std::string_view::npos ? nullptr : find_option(first); row && row->shape != Shape::flag)
        return error(place, shown(name) + " is not an option: write " +
                                printable(std::string(first) + '=' + std::string(trimmed(name.substr(blank))), 100));
    const auto nearest = nearest_option(name);
    error(place, "unknown option " + shown(name) + (nearest ? "; did you mean '" + *nearest + "'?" : "; --help lists all options"));
}

bool Parser::may_repeat(std::string_view name, Times times, Origin origin, const std::string& place) {
    auto& given = given_[name];
    auto& here = origin == Origin::command_line ? given.command_line : origin == Origin::file ? given.file : given.environment;
    const auto before = std::exchange(here, place);
    if (times == Times::repeatable) return true;
    if (!before.empty()) {
        error(place, origin == Origin::file ? "illegal repeated keyword " + shown(name) + ": already given at " + before
                                            : "illegal repeated flag --" + std::string(name) + ": give it once");
        return false;
    }
    return true;
}

void Parser::apply(const Row& row, std::optional<std::string_view> value, Origin origin, const std::string& place) {
    const auto name = std::string(origin == Origin::environment ? std::string_view() : row.name);
    const auto prefix = name.empty() ? name : name + ": ";
    if (row.shape == Shape::flag && value) return error(place, prefix + "extraneous parameter: the option takes no value");
    if (row.shape == Shape::value && !value) return error(place, prefix + "missing parameter: " + with_example(row));
    if (row.shape == Shape::value && value->empty()) {
        if (row.own || row.refuses_empty) return error(place, prefix + "missing parameter: " + with_example(row));
        if (!may_repeat(row.name, row.times, origin, place)) return;
        return warning(place, prefix + "no value after '=': the line is ignored");
    }
    if (row.shape == Shape::optional && value && value->empty() && row.refuses_empty)
        return error(place, prefix + "no value after '=': write a value or remove the '='");
    if (value && has_plain_control_byte(*value) && !row.any_byte) return error(place, prefix + "control character in the value: remove it");
    if (row.shape == Shape::emptiable && !value) return error(place, prefix + "missing parameter: " + with_example(row));
    if (!may_repeat(row.name, row.times, origin, place)) return;
    if (row.steer != Steer::nothing) return steer(row, value.value_or(""), origin, place);

    std::vector<std::string> notes;
    const auto fault = row.field.set({parsed_.options, consul_, value.value_or(""), notes});
    if (fault) error(place, prefix + *fault);
    for (const auto& note : notes) warning(place, prefix + note);
    if (origin == Origin::file && row.times == Times::once && !given_[row.name].command_line.empty())
        warning(place, prefix + "also given on the command line; the file's value is used");
    keep_places(row.name, origin, place);
    listen_places_.resize(parsed_.options.listen_address.size(), place);
    cname_places_.resize(parsed_.options.cname.size(), place);
    leader_places_.resize(parsed_.options.leader.size(), place);
    soa_places_.resize(parsed_.options.leader_soa.size(), place);
    server_places_.resize(parsed_.options.server.size(), place);
}

void Parser::keep_places(std::string_view name, Origin origin, const std::string& place) {
    Places& places = parsed_.places;
    const Options& options = parsed_.options;
    const Place at = places.add(place, origin == Origin::file);
    places.options.insert_or_assign(std::string(name), at);
    const auto follow = [&](std::vector<Place>& list, std::size_t size) { list.resize(size, at); };
    follow(places.server, options.server.size());
    follow(places.address, options.address.size());
    follow(places.host_record, options.host_record.size());
    follow(places.cname, options.cname.size());
    follow(places.txt_record, options.txt_record.size());
    follow(places.ptr_record, options.ptr_record.size());
    follow(places.srv_host, options.srv_host.size());
    follow(places.mx_host, options.mx_host.size());
    follow(places.naptr_record, options.naptr_record.size());
    follow(places.caa_record, options.caa_record.size());
    follow(places.dns_rr, options.dns_rr.size());
    follow(places.interface_name, options.interface_name.size());
    follow(places.dynamic_host, options.dynamic_host.size());
    follow(places.synth_domain, options.synth_domain.size());
    follow(places.leader, options.leader.size());
}

void Parser::steer(const Row& row, std::string_view value, Origin origin, const std::string& place) {
    const bool in_file = origin == Origin::file;
    switch (row.steer) {
        case Steer::conf_file:
            if (in_file && value.empty()) return warning(place, "conf-file: no path: no file is read");
            if (in_file) return read_file(without_markers(value), place);
            if (!conf_file_) conf_file_ = value;
            else if (!value.empty()) sources_.push_back({std::string(value), false});
            return;
        case Steer::conf_dir:
            if (in_file) return read_folder(value, place);
            sources_.push_back({std::string(value), true});
            return;
        case Steer::test:
        case Steer::version:
        case Steer::help:
            if (in_file)
                return warning(place, std::string(row.name) + ": works only on the command line, as --" + std::string(row.name) +
                                          ": the line is ignored");
            // help takes precedence over version, and version over test, in any order.
            if (row.steer == Steer::help) parsed_.action = Action::help;
            else if (row.steer == Steer::version && parsed_.action != Action::help) parsed_.action = Action::version;
            else if (parsed_.action == Action::serve) parsed_.action = Action::test;
            return;
        case Steer::nothing: return;
    }
}

void Parser::ignore_unsupported(const DnsmasqName& name, std::optional<std::string_view> value, Origin origin, const std::string& place) {
    const auto prefix = std::string(name.name) + ": ";
    if (name.argument == '-' && value) return error(place, prefix + "extraneous parameter: the option takes no value");
    if (name.argument == '1' && !value) return error(place, prefix + "missing parameter");
    if (!may_repeat(name.name, name.once ? Times::once : Times::repeatable, origin, place)) return;
    const auto text = std::string(name.name) + ": option of dnsmasq, not supported: ignored" +
                      (name.effect.empty() ? "" : " (" + std::string(name.effect) + ")");
    switch (name.kind) {
        case Unsupported::quiet: return;
        case Unsupported::plain: return warning(place, text);
        case Unsupported::security:
            if (ignored_security_.size() < complaints_max) ignored_security_.push_back({place, text, false});
            else ++warnings_left_out_;
            return;
        case Unsupported::dhcp:
            if (dhcp_names_.empty()) dhcp_place_ = place;
            if (dhcp_names_.size() <= dhcp_names_max && std::find(dhcp_names_.begin(), dhcp_names_.end(), name.name) == dhcp_names_.end())
                dhcp_names_.emplace_back(name.name);
            return;
    }
}

void Parser::report_ignored() {
    for (auto& complaint : ignored_security_) {
        if (parsed_.options.strict) error(complaint.place, complaint.text + "; refused because of strict");
        else warning(complaint.place, "SECURITY: " + complaint.text);
    }
    if (dhcp_names_.empty()) return;
    std::string names;
    for (std::size_t i = 0; i < std::min(dhcp_names_.size(), dhcp_names_max); ++i) names += (i ? ", " : "") + dhcp_names_[i];
    if (dhcp_names_.size() > dhcp_names_max) names += ", …";
    warning(dhcp_place_, "DHCP, TFTP and router advertisement are not supported: ignored (" + names + ")");
}

void Parser::check_listening() {
    const auto& options = parsed_.options;
    for (std::size_t i = 0; i < options.listen_address.size(); ++i) {
        if (!options.listen_address[i].is_unspecified()) continue;
        const auto text =
            "listen-address: on " + options.listen_address[i].text() + " lictor answers every client in this machine's networks";
        if (options.strict) error(listen_places_[i], text + "; refused because of strict: list the addresses");
        else warning(listen_places_[i], "SECURITY: " + text);
    }
}

void Parser::check_upstreams() {
    const auto& options = parsed_.options;
    if (options.no_resolv && !options.resolv_file.empty()) warning(place_of("resolv-file"), "resolv-file: ignored because of no-resolv");
    const auto serves_all = [](const ServerRule& rule) { return rule.domains.empty(); };
    if (options.no_resolv && std::none_of(options.server.begin(), options.server.end(), serves_all))
        warning(place_of("no-resolv"), "no upstream for names outside the configured domains: add server=<ip>");
    if (options.no_poll && !options.no_resolv && options.resolv_file.size() > 1)
        error(place_of("no-poll"), "no-poll: only one resolv-file is allowed with it");
    if (options.min_cache_ttl && options.max_cache_ttl && *options.min_cache_ttl > *options.max_cache_ttl)
        warning(place_of("min-cache-ttl"), "min-cache-ttl: above max-cache-ttl: max-cache-ttl is used");
}

void Parser::check_consul() {
    auto& options = parsed_.options;
    if (consul_.off && !options.consul_http_addr.empty())
        error(place_of("consul-http-addr"),
              "consul-http-addr: an empty value switches Consul off, but an address is given as well: remove one of them");
    if (options.consul_cert_file.empty() != options.consul_key_file.empty()) {
        const bool key_missing = options.consul_key_file.empty();
        error(place_of(key_missing ? "consul-cert-file" : "consul-key-file"),
              key_missing ? "consul-cert-file needs consul-key-file: add it" : "consul-key-file needs consul-cert-file: add it");
    }
    // As in Consul's tools, the file takes precedence over the variable.
    if (!options.consul_token_file.empty()) options.consul_token.clear();
    for (const RowGroup* group : {&consul_http_group, &consul_group, &leader_group})
        for (const Row& row : group->rows) consul_.other = consul_.other || !place_of(row.name).empty();
    for (std::size_t i = 0; !consul_.off && i < options.server.size(); ++i)
        if (const auto domain = forwarded_consul_domain(options, options.server[i]); !domain.empty())
            warning(server_places_[i], "server: names below " + printable(domain, 100) + " are asked of " +
                                           options.server[i].upstream->text() +
                                           " and not answered from memory; if this is a Consul agent, add server=/consul/" +
                                           options.server[i].upstream->text());
    complete_consul_addresses(options, consul_);
}

void Parser::check_leaders() {
    const auto& leaders = parsed_.options.leader;
    std::map<std::string, std::size_t> seen, names;
    for (std::size_t i = 0; i < leaders.size(); ++i) {
        if (consul_.off)
            error(leader_places_[i], "leader: needs Consul, but an empty consul-http-addr switches it off: remove one of them");
        const auto& rule = leaders[i];
        // A lock is identified by its name, a Patroni scope by namespace and scope.
        const auto key = rule.key.empty() ? rule.name_space + '/' + rule.scope : "//" + rule.scope;
        const auto [known, fresh] = seen.emplace(key, i);
        if (!fresh) {
            error(leader_places_[i], "leader: " + shown(rule.scope) + " is already given at " + leader_places_[known->second]);
            continue;
        }
        if (!rule.key.empty()) continue;
        const auto name = service_of(rule);
        if (const auto [other, free] = names.emplace(name, i); !free)
            error(leader_places_[i], "leader: " + shown("master." + name + ".service.consul") + " is already the leader of " +
                                         shown(leaders[other->second].scope) + " at " + leader_places_[other->second] +
                                         ": give one of them another service=");
    }
}

void Parser::check_aliases() {
    const auto& rules = parsed_.options.cname;
    std::map<std::string_view, std::size_t> rule_of;
    for (std::size_t i = 0; i < rules.size(); ++i)
        for (const auto& alias : rules[i].aliases) {
            const auto [known, fresh] = rule_of.emplace(alias, i);
            if (!fresh) error(cname_places_[i], "cname: " + shown(alias) + " is already an alias at " + cname_places_[known->second]);
        }
    // Each rule is visited once: `state` is the number of the walk that visited it, 0 = none.
    std::vector<std::size_t> state(rules.size(), 0);
    for (std::size_t start = 0; start < rules.size(); ++start) {
        for (auto at = start; state[at] != start + 1;) {
            if (state[at] != 0) break;
            state[at] = start + 1;
            const auto next = rule_of.find(rules[at].target);
            if (next == rule_of.end()) break;
            at = next->second;
            if (state[at] == start + 1) error(cname_places_[at], "cname: " + shown(rules[at].target) + " is part of a loop of aliases");
        }
    }
}

/// A domain without aliases of leaders' names is forwarded as without the option; see leader_zones.
void Parser::check_leader_soa() {
    const auto& options = parsed_.options;
    if (options.leader_soa.empty()) return;
    if (consul_.off)
        return warning(soa_places_.front(), "leader-soa: has no effect, because an empty consul-http-addr switches Consul off: remove one");
    const auto zones = leader_zones(options);
    for (std::size_t i = 0; i < options.leader_soa.size(); ++i) {
        const std::string& domain = options.leader_soa[i];
        if (std::any_of(zones.begin(), zones.end(), [&](const LeaderZone& zone) { return zone.name == domain; })) continue;
        const auto text = "leader-soa: " + shown(domain);
        if (is_in_consul_domain(options, domain))
            warning(soa_places_[i], text + " is in Consul's domain, which has a SOA of its own: the line has no effect; remove it");
        else
            warning(soa_places_[i], text +
                                        " has no effect: no alias below it leads to a leader's name. Name the part of an alias after its "
                                        "first dot, or add cname=db." +
                                        printable(domain, 100) + ",master.<service>.service.consul");
    }
}

/// If shadow followed lictor's own log, each of its queries would cause another one.
void Parser::check_shadow() {
    const auto& options = parsed_.options;
    const auto rule = read_shadow(options.shadow);
    if (rule && !rule->log_file.empty() && rule->log_file == options.log_facility)
        error(place_of("shadow"),
              "shadow: " + shown(rule->log_file) +
                  " is lictor's own log-facility: write the log of the other dnsmasq, or another file for lictor's log");
}

void Parser::finish() {
    check_consul();
    check_listening();
    check_upstreams();
    check_leaders();
    check_aliases();
    check_leader_soa();
    check_shadow();
    report_ignored();
    if (errors_left_out_) parsed_.errors.push_back({"", std::to_string(errors_left_out_) + " more errors", false});
    if (warnings_left_out_) parsed_.warnings.push_back({"", std::to_string(warnings_left_out_) + " more warnings", false});
}

Parsed Parser::run(const std::vector<std::string>& arguments) {
    read_tls_variable();
    read_words(arguments);
    if (parsed_.action == Action::help || parsed_.action == Action::version) {
        // help and version work even if other words are wrong.
        parsed_.errors.clear();
        return std::move(parsed_);
    }
    check_words();
    read_files();
    read_environment();
    finish();
    return std::move(parsed_);
}

Parsed parse_configuration(const std::vector<std::string>& arguments, const Environment& environment, FileSource& files) {
    return Parser(environment, files).run(arguments);
}

}  // namespace lictor::conf
