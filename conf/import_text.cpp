// The files are parsed as they would be at the start; then each line is looked at again beside what the parser said about its place.
#include "conf/import_text.hpp"

#include <algorithm>
#include <map>

#include "conf/dnsmasq_names.hpp"
#include "conf/line_syntax.hpp"
#include "conf/log.hpp"
#include "conf/option_rows.hpp"
#include "conf/option_values.hpp"

namespace lictor {
namespace {

using Said = std::multimap<std::string, std::string>;

std::string below(const std::vector<std::string>& domains) {
    std::string out;
    for (const auto& domain : domains) out += (out.empty() ? "" : ", ") + (domain.empty() ? "names without dots" : domain == "#" ? "every name" : "names at or below " + domain);
    return out.empty() ? "every name" : out;
}

std::string meaning_of_server(const std::string& value, const Options& options) {
    const auto rule = parse_server_rule(value);
    if (!rule) return {};
    if (!rule->upstream) return below(rule->domains) + (rule->standard ? ": asked from the standard upstreams" : ": answered from local data only");
    const auto kept = [&](const ServerRule& other) { return text_of(other) == text_of(*rule); };
    if (std::none_of(options.server.begin(), options.server.end(), kept) && !options.consul_http_addr.empty())
        return "Consul is here: HTTP API at " + options.consul_http_addr.front().url + ", DNS at " + rule->upstream->text() + "; " + below(rule->domains) +
               ": answered from Consul's catalog in memory";
    return below(rule->domains) + ": asked from " + rule->upstream->text();
}

std::string meaning_of_address(const std::string& value) {
    const auto rule = parse_address_rule(value);
    if (!rule) return {};
    const auto who = below(rule->domains) + ": ";
    switch (rule->kind) {
        case AddressRule::Kind::address: return who + "answered with " + rule->address.text();
        case AddressRule::Kind::null_address: return who + "answered with 0.0.0.0 and ::";
        case AddressRule::Kind::nxdomain: break;
    }
    return who + "NXDOMAIN";
}

std::string meaning_of(const Row& row, std::string_view value, const Options& options) {
    std::string text;
    if (row.name == "server" || row.name == "local") text = meaning_of_server(plain(value), options);
    if (row.name == "address") text = meaning_of_address(plain(value));
    return text.empty() ? std::string(row.help) : text;
}

/// Warnings repeat the option's name, which stands on the line already.
std::string without_name(std::string text, std::string_view name) {
    const auto prefix = std::string(name) + ": ";
    return text.starts_with(prefix) ? text.substr(prefix.size()) : text;
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
    const auto out = [&](const char* word, const std::string& what) { import.text += place + ": " + word + ": " + shown + (what.empty() ? "" : ": " + what) + '\n'; };
    if (auto wrong = all_at(errors, place, name); !wrong.empty()) {
        ++import.refused;
        return out("refused", wrong);
    }
    const auto noted = all_at(warnings, place, name);
    if (const auto* passed = find_dnsmasq_name(name)) {
        ++import.ignored;
        if (passed->passed == Passed::dhcp) return out("ignored", "DHCP, TFTP and router advertisement are not lictor's");
        return out("ignored", noted.empty() ? "nothing is lost by it here" : noted);
    }
    const auto* row = find_option(name);
    if (!row) return;
    ++import.taken;
    const auto value = line->value ? std::string_view(*line->value) : std::string_view();
    out("taken", meaning_of(*row, value, parsed.options) + (noted.empty() ? "" : " (" + noted + ')'));
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
    return import;
}

}  // namespace lictor
