// Line by line, with the parser of lines and the grammar of the two options.
#include "conf/servers_file.hpp"

#include <algorithm>

#include "conf/line_syntax.hpp"
#include "conf/log.hpp"
#include "conf/option_values.hpp"
#include "conf/range_values.hpp"

namespace lictor {
namespace {

constexpr std::size_t rules_max = 100000;
constexpr std::size_t notes_max = 20;  // a file that is no servers-file must not fill the log

Result<ServerRule> parse_servers_line(const ConfLine& line) {
    if (line.name != "server" && line.name != "rev-server") return Error{"only server= and rev-server= may stand in a servers-file"};
    if (!line.value || line.value->empty()) return Error{"missing parameter"};
    return line.name == "server" ? parse_server_rule(plain(*line.value)) : parse_reverse_server(*line.value);
}

}  // namespace

std::vector<ServerRule> parse_servers_file(std::string_view text, std::string_view path, std::vector<std::string>& notes) {
    std::vector<ServerRule> rules;
    std::size_t wrong = 0;
    for (std::size_t number = 1; !text.empty() && rules.size() < rules_max; ++number) {
        const auto end = std::min(text.find('\n'), text.size());
        const auto line = parse_line(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line && line->name.empty()) continue;
        auto rule = line ? parse_servers_line(*line) : Result<ServerRule>(line.error());
        if (rule) {
            rules.push_back(*std::move(rule));
        } else if (++wrong <= notes_max) {
            notes.push_back(log::printable(path) + ':' + std::to_string(number) + ": left out: " + rule.error().text);
        }
    }
    if (wrong > notes_max) notes.push_back(log::printable(path) + ": " + std::to_string(wrong - notes_max) + " more lines left out");
    if (!text.empty()) notes.push_back(log::printable(path) + ": more than 100000 lines; the rest is left out");
    return rules;
}

}  // namespace lictor
