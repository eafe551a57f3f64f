// The files are parsed as they would be at the start; then each line is looked at again beside what the parser said about its place.
#include "conf/import_text.hpp"

#include <algorithm>
#include <map>

#include "conf/dnsmasq_names.hpp"
#include "conf/line_syntax.hpp"
#include "conf/log.hpp"
#include "conf/option_rows.hpp"
#include "conf/option_values.hpp"
#include "conf/range_values.hpp"

namespace lictor {
namespace {

using Said = std::multimap<std::string, std::string>;

std::string below(const std::vector<std::string>& domains) {
    std::string out;
    const auto one = [](const std::string& domain) {
        if (domain.empty()) return std::string("names without dots");
        if (domain == "#") return std::string("every name");
        if (domain.starts_with("*.")) return "names below " + domain.substr(2);
        if (domain.starts_with('*')) return "names that end in " + domain.substr(1);
        return domain + " and names below it";
    };
    for (const auto& domain : domains) out += (out.empty() ? "" : ", ") + one(domain);
    return out.empty() ? "every name" : out;
}

std::string meaning_of(const ServerRule& rule, const Options& options) {
    if (!rule.upstream) return below(rule.domains) + (rule.standard ? ": asked from the standard upstreams" : ": answered from local data only");
    const auto kept = [&](const ServerRule& other) { return text_of(other) == text_of(rule); };
    if (std::none_of(options.server.begin(), options.server.end(), kept) && !options.consul_http_addr.empty())
        return "Consul is here: HTTP API at " + options.consul_http_addr.front().url + ", DNS at " + rule.upstream->text() + "; " + below(rule.domains) +
               ": answered from Consul's catalog in memory";
    return below(rule.domains) + ": asked from " + rule.upstream->text() + (rule.upstream->host.empty() ? "" : ", which is looked up while running");
}

std::string meaning_of(const AddressRule& rule) {
    const auto who = below(rule.domains) + ": ";
    switch (rule.kind) {
        case AddressRule::Kind::address: return who + "answered with " + rule.address.text();
        case AddressRule::Kind::null_address: return who + "answered with 0.0.0.0 and ::";
        case AddressRule::Kind::nxdomain: break;
    }
    return who + "NXDOMAIN";
}

std::string meaning_of(const CnameRule& rule) {
    std::string out;
    for (const auto& alias : rule.aliases) out += (out.empty() ? "" : ", ") + alias;
    return out + (rule.aliases.size() == 1 ? ": is" : ": are") + " another name of " + rule.target +
           (rule.target.ends_with(".consul") ? ", followed into Consul (dnsmasq cannot)" : "; looked up where it is not known here (dnsmasq does not)");
}

std::string meaning_of(const HostRecord& record) {
    std::string names, addresses;
    for (const auto& name : record.names) names += (names.empty() ? "" : ", ") + name;
    for (const auto& address : record.addresses) addresses += (addresses.empty() ? "" : ", ") + address.text();
    return addresses.empty() ? std::string() : names + ": answered with " + addresses + ", and back";
}

/// What this very line does where more can be said than what the option is for.
std::string meaning_of_value(std::string_view name, std::string_view value, const Options& options) {
    const auto text = plain(value);
    if (name == "server" || name == "local") {
        const auto rule = parse_server_rule(text);
        return rule ? meaning_of(*rule, options) : std::string();
    }
    if (name == "address") {
        const auto rule = parse_address_rule(text);
        return rule ? meaning_of(*rule) : std::string();
    }
    if (name == "cname") {
        const auto rule = parse_cname(value);
        return rule ? meaning_of(*rule) : std::string();
    }
    if (name == "host-record") {
        const auto record = parse_host_record(value);
        return record ? meaning_of(*record) : std::string();
    }
    if (name == "rev-server") {
        const auto rule = parse_reverse_server(value);
        const auto network = text.substr(0, text.find(','));
        return !rule ? std::string() : "names of the addresses in " + log::printable(network, 60) + (rule->upstream ? ": asked from " + rule->upstream->text() : ": answered from local data only");
    }
    if (!text.empty()) return {};
    if (name == "user" || name == "group") return "stays who starts it";
    if (name == "pid-file") return "no such file is written";
    if (name == "resolv-file") return "no file is read for upstreams";
    return {};
}

std::string meaning_of(const Row& row, std::string_view value, const Options& options) {
    const auto text = meaning_of_value(row.name, value, options);
    return text.empty() ? std::string(row.help) : text;
}

/// Warnings repeat the option's name, which stands on the line already.
std::string without_name(std::string text, std::string_view name) {
    const auto at = text.find(std::string(name) + ": ");
    if (at == 0 || (at != std::string::npos && text.substr(0, at) == "SECURITY: ")) text.erase(at, name.size() + 2);
    return text;
}

std::string all_at(const Said& said, const std::string& place, std::string_view name) {
    std::string out;
    for (auto [at, end] = said.equal_range(place); at != end; ++at) out += (out.empty() ? "" : "; ") + without_name(at->second, name);
    return out;
}

void add_line(std::string_view raw, const std::string& place, const Parsed& parsed, const Said& errors, const Said& warnings, Import& import) {
    const auto line = parse_line(raw);
    if (line && line->name.empty()) return;
    const auto name = line ? std::string_view(line->name) : std::string_view();
    const auto shown = log::one_line(std::string(trimmed(raw)), 200);
    const auto out = [&](const char* word, const std::string& what) { import.text += place + ": " + word + ": " + shown + (what.empty() ? "" : "  ->  " + what) + '\n'; };
    if (auto wrong = all_at(errors, place, name); !wrong.empty()) {
        ++import.refused;
        return out("refused", wrong);
    }
    const auto noted = all_at(warnings, place, name);
    if (const auto* passed = find_dnsmasq_name(name)) {
        ++import.ignored;
        if (passed->passed == Passed::dhcp) {
            ++import.dhcp;
            return out("ignored", "DHCP, TFTP and router advertisement are not lictor's");
        }
        if (passed->passed == Passed::security) {
            ++import.security;
            return out("ignored", "SECURITY: not supported" + (passed->loss.empty() ? std::string() : ": " + std::string(passed->loss)));
        }
        return out("ignored", noted.empty() ? "nothing is lost by it here" : noted);
    }
    const auto* row = find_option(name);
    if (!row) return;
    ++import.taken;
    const auto value = line->value ? std::string_view(*line->value) : std::string_view();
    out("taken", meaning_of(*row, value, parsed.options) + (noted.empty() ? "" : " (" + noted + ')'));
}

std::string joined(const std::vector<std::string>& words) {
    std::string out;
    for (const auto& word : words) out += (out.empty() ? "" : ", ") + word;
    return out;
}

/// The whole in a few lines: what nobody sees who reads line by line, and what dnsmasq would do otherwise.
std::string whole_of(const Options& options) {
    std::string out;
    std::vector<std::string> doors = options.interface;
    for (const auto& address : options.listen_address) doors.push_back(address.text());
    out += options.port == 0 ? std::string("serves no DNS (port=0)\n")
                             : "listens at port " + std::to_string(options.port) + (doors.empty() ? " of 127.0.0.1 and ::1 only, where dnsmasq would at every address: write listen-address= for others\n"
                                                                                                   : " of " + joined(doors) + (options.interface.empty() ? "\n" : " and loopback\n"));
    std::vector<std::string> upstreams;
    for (const auto& rule : options.server)
        if (rule.upstream && rule.domains.empty()) upstreams.push_back(rule.upstream->text());
    static const std::vector<std::string> usual = {"/etc/resolv.conf"};
    if (!options.no_resolv)
        for (const auto& path : options.resolv_file.empty() ? usual : options.resolv_file) upstreams.push_back("the nameservers of " + log::printable(path, 200));
    out += upstreams.empty() ? "asks nobody for names outside the domains above: add server=IP\n" : "asks for all other names: " + joined(upstreams) + '\n';
    out += options.consul_http_addr.empty() ? std::string("leaves Consul alone\n")
                                            : "asks Consul at " + options.consul_http_addr.front().url +
                                                  (options.consul_http_addr.front().assumed ? ", once a name below consul is asked for (consul-http-addr= switches it off)\n" : "\n");
    return out;
}

std::string count(std::size_t lines, const char* what) { return std::to_string(lines) + (lines == 1 ? " line " : " lines ") + what; }

}  // namespace

Import import_files(const std::vector<std::string>& paths, FileSource& files) {
    Import import;
    std::vector<std::string> words;
    // The first file of a command line is read last: an empty one keeps the order.
    words.emplace_back("--conf-file=");
    for (const auto& path : paths) words.push_back("--conf-file=" + path);
    const auto parsed = parse_configuration(words, {}, files);
    Said errors, warnings;
    for (const auto& complaint : parsed.errors) {
        errors.emplace(complaint.place, complaint.text);
        import.file_missing = import.file_missing || complaint.file_missing;
    }
    for (const auto& complaint : parsed.warnings) warnings.emplace(complaint.place, complaint.text);
    for (const auto& path : parsed.files) {
        const auto file = files.read(path);
        if (!file) continue;
        const auto name = path == "-" ? std::string("standard input") : log::printable(path, 1000);
        std::string_view rest = file->text;
        for (std::size_t number = 1; !rest.empty(); ++number) {
            const auto end = std::min(rest.find('\n'), rest.size());
            add_line(rest.substr(0, end), name + ':' + std::to_string(number), parsed, errors, warnings, import);
            rest.remove_prefix(std::min(end + 1, rest.size()));
        }
    }
    for (const auto& complaint : parsed.errors)
        if (complaint.place.empty() || complaint.place == "command line") {
            ++import.refused;
            import.text += "refused: " + complaint.text + '\n';
        }
    import.text += count(import.taken, "taken, ") + count(import.ignored, "ignored, ") + count(import.refused, "refused") + '\n';
    if (import.security) import.text += count(import.security, "with a meaning for security ") + (import.security == 1 ? "is" : "are") + " ignored: strict refuses such lines\n";
    if (import.dhcp) import.text += "DHCP, TFTP and router advertisement need a server of their own: " + count(import.dhcp, "above\n");
    if (import.refused) import.text += "lictor does not start with what is refused above\n";
    else import.text += "With these files lictor\n" + whole_of(parsed.options);
    return import;
}

}  // namespace lictor
