// Parses the file line by line, with the grammar of the two options.
#include "conf/values/servers_file.hpp"

#include <algorithm>

#include "conf/base/printable.hpp"
#include "conf/values/line_syntax.hpp"
#include "conf/values/option_values.hpp"
#include "conf/values/range_values.hpp"

namespace lictor::conf {
namespace {

constexpr std::size_t rules_max = 100000;
constexpr std::size_t notes_max = 20;  // a file of another kind must not fill the log

Result<ServerRule> parse_servers_line(const ConfLine& line) {
    if (line.name != "server" && line.name != "rev-server") return Error{"only server= and rev-server= are allowed in a servers-file"};
    if (!line.value || line.value->empty()) return Error{"missing parameter"};
    return line.name == "server" ? parse_server_rule(without_markers(*line.value)) : parse_reverse_server(*line.value);
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
            notes.push_back(printable(path) + ':' + std::to_string(number) + ": ignored: " + rule.error().text);
        }
    }
    if (wrong > notes_max) notes.push_back(printable(path) + ": " + std::to_string(wrong - notes_max) + " more lines ignored");
    if (!text.empty()) notes.push_back(printable(path) + ": more than 100000 lines; the rest is ignored");
    return rules;
}

}  // namespace lictor::conf
