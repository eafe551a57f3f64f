// Compares the key of the step with the names in each line, as the tables of the Rules were filled.
#include "resolver/documents/origin.hpp"

#include <algorithm>

#include "conf/values/ascii_name.hpp"
#include "conf/values/option_values.hpp"
#include "conf/values/range_values.hpp"
#include "conf/values/record_values.hpp"
#include "resolver/rules/domain_match.hpp"
#include "resolver/rules/rules.hpp"
#include "resolver/rules/text_lines.hpp"

namespace lictor::documents {
namespace {

using answer::Rule;
using answer::Step;

constexpr std::size_t text_max = 200;

bool is_name(const std::string& text, const wire::Name& lower) {
    const auto name = wire::Name::parse(text);
    return name && name->lower() == lower;
}

/// The first line of a list for which `fits` is true.
template <class Rules, class Fits>
std::optional<Origin> find_in(const Rules& rules, const std::vector<conf::Place>& at, const Sources& sources, const char* option,
                              Fits fits) {
    for (std::size_t i = 0; i < rules.size(); ++i)
        if (fits(rules[i]))
            return Origin{(std::string(option) + '=' + conf::text_of(rules[i])).substr(0, text_max),
                          i < at.size() ? sources.places.text(at[i]) : std::string()};
    return std::nullopt;
}

bool has_domain(const std::vector<std::string>& domains, const Step& step) {
    if (domains.empty()) return step.key.is_root() && !step.dotless;
    return std::ranges::any_of(domains, [&](const std::string& text) {
        const auto key = rules::domain_key(text);
        return key && key->dotless == step.dotless && (step.dotless || key->name == step.key);
    });
}

std::optional<Origin> server_line(const Step& step, const Sources& sources, bool local) {
    const conf::Options& options = sources.options;
    auto found = find_in(options.server, sources.places.server, sources, local ? "local" : "server", [&](const conf::ServerRule& rule) {
        return (local ? !rule.upstream && !rule.standard : rule.upstream || rule.standard) && has_domain(rule.domains, step);
    });
    if (found) return found;
    if (local)
        return find_in(options.address, sources.places.address, sources, "address", [&](const conf::AddressRule& rule) {
            return rule.kind == conf::AddressRule::Kind::nxdomain && has_domain(rule.domains, step);
        });
    return std::nullopt;
}

/// The first line of a hosts file that `fits`.
template <class Fits>
Origin hosts_line(const std::string& path, const Sources& sources, Fits fits) {
    for (const auto& file : sources.files.hosts) {
        if (file.path != path) continue;
        std::string_view text = file.text, line;
        for (std::size_t number = 1; rules::take_line(text, line); ++number) {
            std::string_view rest = line.substr(0, line.find('#'));
            const auto address = Address::parse(rules::take_word(rest));
            if (address && fits(*address, rest)) return {std::string(line.substr(0, text_max)), path + ':' + std::to_string(number)};
        }
    }
    return {"", path};
}

bool has_word(std::string_view rest, const wire::Name& name) {
    for (auto word = rules::take_word(rest); !word.empty(); word = rules::take_word(rest)) {
        const auto ascii = conf::ascii_name(word);
        const auto found = ascii ? wire::Name::parse(*ascii) : std::nullopt;
        if (found && found->lower() == name) return true;
    }
    return false;
}

Origin names_origin(const Step& step, const rules::Rules& rules, const Sources& sources) {
    const auto found = rules.local->names.find(step.key);
    const conf::Options& options = sources.options;
    if (found != rules.local->names.end() && found->second.source != 0) {
        const std::string& path = rules.local->sources[found->second.source];
        const auto fits = [&](const wire::Name& name) {
            return hosts_line(path, sources, [&](const Address&, std::string_view rest) { return has_word(rest, name); });
        };
        Origin line = fits(step.key);
        if (!line.text.empty() || !options.expand_hosts) return line;
        const auto label = step.key.text().substr(0, step.key.text().find('.'));  // expand-hosts
        const auto name = wire::Name::parse(label);
        return name ? fits(*name) : line;
    }
    if (auto line = find_in(options.host_record, sources.places.host_record, sources, "host-record", [&](const conf::HostRecord& rule) {
            return std::ranges::any_of(rule.names, [&](const std::string& text) { return is_name(text, step.key); });
        }))
        return *line;
    if (auto line = find_in(options.interface_name, sources.places.interface_name, sources, "interface-name",
                            [&](const conf::InterfaceName& rule) { return is_name(rule.name, step.key); }))
        return *line;
    if (auto line = find_in(options.dynamic_host, sources.places.dynamic_host, sources, "dynamic-host",
                            [&](const conf::DynamicHost& rule) { return is_name(rule.name, step.key); }))
        return *line;
    return {};
}

Origin pointers_origin(const Step& step, const rules::Rules& rules, const Sources& sources) {
    const auto address = wire::address_of_reverse(step.key);
    const auto found = rules.local->pointers.find(step.key);
    if (!address || found == rules.local->pointers.end()) return {};
    if (found->second.source != 0)
        return hosts_line(rules.local->sources[found->second.source], sources,
                          [&](const Address& at, std::string_view) { return at == *address; });
    return find_in(sources.options.host_record, sources.places.host_record, sources, "host-record",
                   [&](const conf::HostRecord& rule) { return std::ranges::find(rule.addresses, *address) != rule.addresses.end(); })
        .value_or(Origin{});
}

Origin records_origin(const Step& step, const Sources& sources) {
    const conf::Options& options = sources.options;
    const conf::Places& places = sources.places;
    const auto fits = [&](const auto& rule) {
        return is_name(rule.name, step.key) || (step.key.label_count() > 2 && step.key.text().starts_with(rule.name + '.'));
    };
    std::optional<Origin> line = find_in(options.txt_record, places.txt_record, sources, "txt-record", fits);
    if (!line) line = find_in(options.ptr_record, places.ptr_record, sources, "ptr-record", fits);
    if (!line) line = find_in(options.srv_host, places.srv_host, sources, "srv-host", fits);
    if (!line) line = find_in(options.mx_host, places.mx_host, sources, "mx-host", fits);
    if (!line) line = find_in(options.naptr_record, places.naptr_record, sources, "naptr-record", fits);
    if (!line) line = find_in(options.caa_record, places.caa_record, sources, "caa-record", fits);
    if (!line) line = find_in(options.dns_rr, places.dns_rr, sources, "dns-rr", fits);
    return line.value_or(Origin{});
}

Origin alias_origin(const Step& step, const Sources& sources) {
    const wire::Name owner = step.key.lower();
    const auto line_of = [&](const wire::Name& alias) {
        return find_in(sources.options.cname, sources.places.cname, sources, "cname", [&](const conf::CnameRule& rule) {
            return std::ranges::any_of(rule.aliases, [&](const std::string& text) { return is_name(text, alias); });
        });
    };
    if (auto line = line_of(owner)) return *line;
    for (wire::Name at = owner; !at.is_root();) {
        at = at.parent();
        wire::Name star = at;
        if (!star.prepend("*")) continue;
        if (auto line = line_of(star)) return *line;
    }
    return {};
}

Origin flag_origin(std::initializer_list<const char*> options, const Sources& sources) {
    for (const char* option : options)
        if (auto place = sources.places.of_option(option); !place.empty()) return {option, place};
    return {};
}

Origin route_origin(const Step& step, const Sources& sources) {
    if (auto line = server_line(step, sources, false)) return *line;
    if (step.key.is_root() && !sources.options.no_resolv && !sources.files.resolv.empty())
        return {"nameserver", sources.files.resolv.front().path};
    return sources.files.servers ? Origin{"server", sources.files.servers->path} : Origin{};
}

}  // namespace

Origin origin_of(const Step& step, const rules::Rules& rules, const Sources& sources) {
    switch (step.rule) {
        case Rule::consul_domain:
        case Rule::consul_assumed: return flag_origin({"consul-domain"}, sources);
        case Rule::consul_reverse: return server_line({Rule::route, step.key}, sources, false).value_or(Origin{});
        case Rule::cname: return alias_origin(step, sources);
        case Rule::names: return names_origin(step, rules, sources);
        case Rule::pointers: return pointers_origin(step, rules, sources);
        case Rule::records: return records_origin(step, sources);
        case Rule::synthesized:
            return find_in(sources.options.synth_domain, sources.places.synth_domain, sources, "synth-domain",
                           [&](const conf::SynthDomain& rule) {
                               const auto domain = wire::Name::parse(rule.domain);
                               if (!domain) return false;
                               const std::vector<rules::SynthNames> one = {{rule, domain->lower()}};
                               const auto address = wire::address_of_reverse(step.key);
                               return address ? rules::synth_name(one, *address).has_value()
                                              : rules::synth_address(one, step.key, rule.first.v6).has_value();
                           })
                .value_or(Origin{});
        case Rule::self_mx: return flag_origin({"selfmx", "localmx"}, sources);
        case Rule::filterwin2k: return flag_origin({"filterwin2k"}, sources);
        case Rule::address:
            return find_in(sources.options.address, sources.places.address, sources, "address",
                           [&](const conf::AddressRule& rule) {
                               return rule.kind != conf::AddressRule::Kind::nxdomain && has_domain(rule.domains, step);
                           })
                .value_or(Origin{});
        case Rule::local_only: return server_line(step, sources, true).value_or(Origin{});
        case Rule::bogus_priv: return flag_origin({"bogus-priv"}, sources);
        case Rule::domain_needed: return flag_origin({"domain-needed"}, sources);
        case Rule::route: return route_origin(step, sources);
        case Rule::agent_dns: return flag_origin({"consul-dns"}, sources);
        case Rule::leader_soa: return flag_origin({"leader-soa"}, sources);
        case Rule::localhost:
        case Rule::invalid:
        case Rule::loopback_name:
        case Rule::chaos:
        case Rule::zone_transfer:
        case Rule::count: break;
    }
    return {};
}

}  // namespace lictor::documents
