// The files are parsed as at the start. Then each line is parsed again, and the result is combined with the parser's messages about this
// line.
#include "conf/parse/import_text.hpp"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "conf/base/printable.hpp"
#include "conf/options/consul_address.hpp"
#include "conf/options/option_rows.hpp"
#include "conf/parse/dnsmasq_names.hpp"
#include "conf/parse/parse.hpp"
#include "conf/values/line_syntax.hpp"
#include "conf/values/option_values.hpp"
#include "conf/values/range_values.hpp"

namespace lictor::conf {
namespace {

using Messages = std::multimap<std::string, std::string>;

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
    if (!rule.upstream)
        return below(rule.domains) + (rule.standard ? ": forwarded to the standard upstreams" : ": answered from local data only");
    const auto kept = [&](const ServerRule& other) { return text_of(other) == text_of(rule); };
    if (std::none_of(options.server.begin(), options.server.end(), kept) && !options.consul_http_addr.empty())
        return "address of Consul: HTTP API at " + http_url_at(*rule.upstream, options.consul_http_addr) + ", DNS at " +
               rule.upstream->text() + "; " + below(rule.domains) + ": answered from Consul's catalog in memory";
    const bool agent = options.consul_dns && *rule.upstream == *options.consul_dns;
    return below(rule.domains) + ": forwarded to " + rule.upstream->text() +
           (rule.upstream->host.empty() ? "" : ", which is resolved at run time") +
           (agent ? "; names in the domains of this Consul agent are answered from its catalog in memory" : "");
}

std::string meaning_of(const AddressRule& rule) {
    const auto subject = below(rule.domains) + ": ";
    switch (rule.kind) {
        case AddressRule::Kind::address: return subject + "answered with " + rule.address.text();
        case AddressRule::Kind::null_address: return subject + "answered with 0.0.0.0 and ::";
        case AddressRule::Kind::nxdomain: break;
    }
    return subject + "NXDOMAIN";
}

std::string meaning_of(const CnameRule& rule) {
    std::string out;
    for (const auto& alias : rule.aliases) out += (out.empty() ? "" : ", ") + alias;
    return out + (rule.aliases.size() == 1 ? ": is" : ": are") + " an alias of " + rule.target +
           (rule.target.ends_with(".consul") ? ", resolved from Consul (dnsmasq cannot)"
                                             : "; resolved upstream if local data does not have it (dnsmasq does not)");
}

std::string meaning_of(const HostRecord& record) {
    std::string names, addresses;
    for (const auto& name : record.names) names += (names.empty() ? "" : ", ") + name;
    for (const auto& address : record.addresses) addresses += (addresses.empty() ? "" : ", ") + address.text();
    return addresses.empty() ? std::string() : names + ": answered with " + addresses + ", and its PTR record";
}

/// The effect of this line if its value allows a more precise text than the option's help; else empty.
std::string meaning_of_value(std::string_view name, std::string_view value, const Options& options) {
    const auto text = without_markers(value);
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
        return !rule ? std::string()
                     : "names of the addresses in " + printable(network, 60) +
                           (rule->upstream ? ": forwarded to " + rule->upstream->text() : ": answered from local data only");
    }
    if (!text.empty()) return {};
    if (name == "user") return "the user is not changed";
    if (name == "group") return "the user's own group is used";
    if (name == "pid-file") return "no file is written";
    if (name == "resolv-file") return "no file is read";
    return {};
}

std::string meaning_of(const Row& row, std::string_view value, const Options& options) {
    const auto text = meaning_of_value(row.name, value, options);
    return text.empty() ? std::string(row.help) : text;
}

/// Removes the option's name from a warning: the output contains the line itself.
std::string without_name(std::string text, std::string_view name) {
    const auto at = text.find(std::string(name) + ": ");
    if (at == 0 || (at != std::string::npos && text.substr(0, at) == "SECURITY: ")) text.erase(at, name.size() + 2);
    return text;
}

std::string all_at(const Messages& messages, const std::string& place, std::string_view name) {
    std::string out;
    for (auto [at, end] = messages.equal_range(place); at != end; ++at) out += (out.empty() ? "" : "; ") + without_name(at->second, name);
    return out;
}

void add_line(std::string_view raw, const std::string& place, const Parsed& parsed, const Messages& errors, const Messages& warnings,
              Import& import) {
    const auto line = parse_line(raw);
    if (line && line->name.empty()) return;
    const auto name = line ? std::string_view(line->name) : std::string_view();
    const auto shown = one_line(std::string(trimmed(raw)), 200);
    const auto out = [&](const char* word, const std::string& what) {
        import.lines.push_back({place, word, shown, what});
        import.text += place + ": " + word + ": " + shown + (what.empty() ? "" : "  ->  " + what) + '\n';
    };
    if (auto wrong = all_at(errors, place, name); !wrong.empty()) {
        ++import.refused;
        return out("refused", wrong);
    }
    const auto noted = all_at(warnings, place, name);
    if (const auto* unsupported = find_dnsmasq_name(name)) {
        ++import.ignored;
        if (unsupported->kind == Unsupported::dhcp) {
            ++import.dhcp;
            return out("ignored", "DHCP, TFTP and router advertisement are not supported");
        }
        if (unsupported->kind == Unsupported::security) {
            ++import.security;
            return out("ignored",
                       "SECURITY: not supported" + (unsupported->effect.empty() ? std::string() : ": " + std::string(unsupported->effect)));
        }
        return out("ignored", noted.empty() ? "not needed" : noted);
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

/// A summary of all lines together, with the differences to dnsmasq.
std::string summary_of(const Options& options) {
    std::string out;
    std::vector<std::string> listens = options.interface;
    for (const auto& address : options.listen_address) listens.push_back(address.text());
    out += options.port == 0
               ? std::string("serves no DNS (port=0)\n")
               : "listens at port " + std::to_string(options.port) +
                     (listens.empty() ? " of 127.0.0.1 and ::1 only (dnsmasq: of every address): write listen-address= for others\n"
                                      : " of " + joined(listens) + (options.interface.empty() ? "\n" : " and loopback\n"));
    std::vector<std::string> upstreams;
    for (const auto& rule : options.server)
        if (rule.upstream && rule.domains.empty()) upstreams.push_back(rule.upstream->text());
    static const std::vector<std::string> usual = {"/etc/resolv.conf"};
    if (!options.no_resolv)
        for (const auto& path : options.resolv_file.empty() ? usual : options.resolv_file)
            upstreams.push_back("the nameservers of " + printable(path, 200));
    out += upstreams.empty() ? "has no upstream for names outside the domains above: add server=IP\n"
                             : "forwards all other names to " + joined(upstreams) + '\n';
    std::vector<std::string> agents;
    for (const auto& address : options.consul_http_addr) agents.push_back(text_of(address));
    out += agents.empty()
               ? std::string("does not use Consul\n")
               : "uses Consul at " + joined(agents) +
                     (is_consul_assumed(options) ? " from the first query below consul on; until an agent answers there, such names are "
                                                   "forwarded (consul-http-addr= switches it off)\n"
                      : agents.size() > 1        ? " (the next one if one fails)\n"
                                                 : "\n");
    return out;
}

std::string count(std::size_t lines, const char* what) { return std::to_string(lines) + (lines == 1 ? " line " : " lines ") + what; }

}  // namespace

Import import_files(const std::vector<std::string>& paths, FileSource& files) {
    Import import;
    std::vector<std::string> words;
    // The first conf-file of a command line is read last: an empty one in front keeps the order of the others.
    words.emplace_back("--conf-file=");
    for (const auto& path : paths) words.push_back("--conf-file=" + path);
    const auto parsed = parse_configuration(words, {}, files);
    Messages errors, warnings;
    for (const auto& complaint : parsed.errors) {
        errors.emplace(complaint.place, complaint.text);
        import.file_missing = import.file_missing || complaint.file_missing;
    }
    for (const auto& complaint : parsed.warnings) warnings.emplace(complaint.place, complaint.text);
    for (const auto& path : parsed.files) {
        const auto file = files.read(path);
        if (!file) continue;
        const auto name = path == "-" ? std::string("standard input") : printable(path, 1000);
        std::string_view rest = without_byte_order_mark(file->text);
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
            import.lines.push_back({"", "refused", "", complaint.text});
        }
    import.text += count(import.taken, "taken, ") + count(import.ignored, "ignored, ") + count(import.refused, "refused") + '\n';
    if (import.security)
        import.text += count(import.security, "relevant to security ") + (import.security == 1 ? "is" : "are") +
                       " ignored: strict refuses such lines\n";
    if (import.dhcp) import.text += "DHCP, TFTP and router advertisement need another server: " + count(import.dhcp, "above\n");
    if (import.refused) import.text += "lictor does not start with the refused lines\n";
    else import.summary = summary_of(parsed.options), import.text += "With these files lictor\n" + import.summary;
    return import;
}

std::string import_json(const Import& import) {
    nlohmann::ordered_json out;
    out["taken"] = import.taken;
    out["ignored"] = import.ignored;
    out["refused"] = import.refused;
    out["security"] = import.security;
    out["dhcp"] = import.dhcp;
    out["file_missing"] = import.file_missing;
    out["lines"] = nlohmann::ordered_json::array();
    for (const auto& line : import.lines)
        out["lines"].push_back({{"place", line.place}, {"result", line.word}, {"line", line.line}, {"effect", line.effect}});
    out["summary"] = import.summary;
    return out.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + '\n';
}

}  // namespace lictor::conf
