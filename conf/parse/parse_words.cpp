// Parses the command line as getopt_long does (`--name=value`, `--name value`, `-xVALUE`, `-x VALUE`, several letters in a word, `--`,
// unambiguous abbreviations of dnsmasq's names), and the environment for options that are given nowhere else.
#include <algorithm>

#include "conf/base/ascii.hpp"
#include "conf/base/printable.hpp"
#include "conf/parse/parser.hpp"

namespace lictor::conf {
namespace {

const std::string command_line = "command line";

/// The only name of dnsmasq that begins with `start`, or nothing. Only names of dnsmasq 2.90 and before count.
std::string_view lengthened(std::string_view start) {
    static constexpr std::string_view later[] = {"do-0x20-encode",  "no-0x20-encode",   "log-malloc",
                                                 "dhcp-option-pxe", "dhcp-split-relay", "leasequery"};
    std::string_view found;
    const auto consider = [&](std::string_view name) {
        if (!name.starts_with(start) || std::find(std::begin(later), std::end(later), name) != std::end(later)) return true;
        if (found == "domain" && name == "domain-suffix") return true;  // two names of one option
        if (found == "domain-suffix" && name == "domain") found = {};
        if (found == "dhcp-leasefile" && name == "dhcp-lease") return true;
        const bool first = found.empty();
        found = name;
        return first;
    };
    for (const auto& row : option_rows())
        if (!row.own && row.shape != Shape::environment && !consider(row.name)) return {};
    for (const auto& known : dnsmasq_names())
        if (!consider(known.name)) return {};
    return found;
}

/// True if the next word is the value of an option that is written without '='.
bool takes_next(const Row& row, const std::vector<std::string>& arguments, std::size_t at) {
    if (at + 1 >= arguments.size()) return false;
    switch (row.shape) {
        case Shape::value:
        case Shape::emptiable: return true;
        case Shape::bare_or: return !arguments[at + 1].starts_with('-') || arguments[at + 1] == "-";
        default: return false;
    }
}

}  // namespace

void Parser::read_words(const std::vector<std::string>& arguments) {
    std::size_t at = 0;
    bool json = false;  // of a sub-command that follows
    for (; at < arguments.size(); ++at) {
        const auto& word = arguments[at];
        if (word == "--json") {
            json = true;
            continue;
        }
        if (word == "--") {
            ++at;
            break;
        }
        const bool configured = !parsed_.words.empty();
        if (configured && (word == "--help" || word == "-h")) parsed_.words.push_back(word);
        else if (word.starts_with("--")) read_long(arguments, at);
        else if (word.starts_with('-') && word.size() > 1) read_letters(arguments, at);
        else if (trimmed(word).empty()) continue;  // an unset variable in a script leaves an empty word
        else if (configured || word == configured_command) parsed_.words.push_back(word);
        else break;
    }
    if (json && at >= arguments.size() && parsed_.words.empty()) unknown("json", command_line);
    if (at >= arguments.size() && parsed_.words.empty()) return;
    // All words after another sub-command are its arguments.
    parsed_.words.insert(parsed_.words.end(), arguments.begin() + static_cast<std::ptrdiff_t>(at), arguments.end());
    if (json) parsed_.words.emplace_back("--json");
    if (parsed_.action == Action::serve) parsed_.action = Action::command;
}

void Parser::read_long(const std::vector<std::string>& arguments, std::size_t& at) {
    const auto word = std::string_view(arguments[at]).substr(2);
    const auto equals = word.find('=');
    auto name = word.substr(0, equals);
    if (!name.empty() && !find_option(name) && !find_dnsmasq_name(name))
        if (const auto whole = lengthened(name); !whole.empty()) name = whole;
    std::optional<std::string_view> value;
    if (equals != std::string_view::npos) value = word.substr(equals + 1);
    if (const auto* row = find_option(name)) {
        if (!value && takes_next(*row, arguments, at)) value = arguments[++at];
        if (value && has_control_byte(*value)) return error(command_line, "control character in the value of --" + std::string(name));
        return apply(*row, value, Origin::command_line, command_line);
    }
    const auto* unsupported = find_dnsmasq_name(name);
    if (!unsupported) return unknown(name, command_line);
    if (!value && unsupported->argument == '1' && at + 1 < arguments.size()) value = arguments[++at];
    ignore_unsupported(*unsupported, value, Origin::command_line, command_line);
}

void Parser::read_letters(const std::vector<std::string>& arguments, std::size_t& at) {
    const std::string_view word = arguments[at];
    for (std::size_t i = 1; i < word.size(); ++i) {
        const auto rest = word.substr(i + 1);
        const auto* row = find_option_letter(word[i]);
        const auto* unsupported = row ? nullptr : find_dnsmasq_letter(word[i]);
        if (!row && !unsupported)
            return error(command_line,
                         "unknown option -" + printable(word.substr(i, 1)) + " in " + shown(word) + "; --help lists all options");
        // As in dnsmasq, a letter needs the value that a long name may omit (bare_or), and takes no value that is optional after '='.
        const bool takes = row ? row->shape == Shape::value || row->shape == Shape::emptiable || row->shape == Shape::bare_or
                               : unsupported->argument == '1' || (unsupported->argument == '?' && word[i] != '1');
        std::optional<std::string_view> value;
        if (takes && !rest.empty()) value = rest;
        else if (takes && at + 1 < arguments.size()) value = arguments[++at];
        if (value && has_control_byte(*value)) error(command_line, "control character in the value of -" + std::string(1, word[i]));
        else if (takes && !value) error(command_line, "missing parameter after -" + std::string(1, word[i]));
        else if (row) apply(*row, value, Origin::command_line, command_line);
        else ignore_unsupported(*unsupported, value, Origin::command_line, command_line);
        if (takes) return;
    }
}

void Parser::check_words() {
    if (parsed_.action == Action::test && !parsed_.words.empty())
        error(command_line, "junk found: " + shown(parsed_.words.front()) + " is not an option: remove it");
}

void Parser::read_tls_variable() {
    const auto* row = find_option_variable("CONSUL_HTTP_SSL");
    const auto found = environment_.find("CONSUL_HTTP_SSL");
    if (found != environment_.end() && !found->second.empty()) apply(*row, found->second, Origin::environment, found->first);
}

void Parser::read_credential() {
    const auto folder = environment_.find("CREDENTIALS_DIRECTORY");
    if (folder == environment_.end() || !folder->second.starts_with('/') || has_control_byte(folder->second)) return;
    for (const std::string_view name : {"consul-token-file", "CONSUL_HTTP_TOKEN"}) {
        const auto given = given_.find(name);
        if (given != given_.end() && !place_of(name).empty()) return;
    }
    const auto path = folder->second + '/' + std::string(token_credential);
    // One that exists and cannot be read is an error, like a file that an option names.
    if (files_.exists(path)) apply(*find_option("consul-token-file"), path, Origin::environment, folder->first);
}

void Parser::read_environment() {
    for (const auto& row : option_rows()) {
        if (row.variable.empty() || row.variable == "CONSUL_HTTP_SSL") continue;
        const auto found = environment_.find(row.variable);
        if (found == environment_.end() || found->second.empty()) continue;
        const auto& given = given_[row.name];
        if (!given.command_line.empty() || !given.file.empty()) continue;
        if (has_control_byte(found->second)) error(found->first, "control character in the value");
        else apply(row, found->second, Origin::environment, found->first);
    }
    read_credential();
    for (const std::string_view name : {"CONSUL_NAMESPACE", "CONSUL_PARTITION"})
        if (const auto found = environment_.find(name); found != environment_.end() && !found->second.empty())
            warning(found->first, "namespaces and partitions of Consul Enterprise are not supported: the variable is ignored");
}

}  // namespace lictor::conf
