// Works on lines. The engine's lines are kept byte by byte; only a missing end of the last line is added.
#include "resolver/supervise/resolv_text.hpp"

#include <algorithm>
#include <vector>

namespace lictor::supervise {
namespace {

constexpr std::string_view mark = "# lictor answers here; the lines behind #= are the container engine's";
constexpr std::string_view kept_line = "#= ";
constexpr std::string_view blanks = " \t";

std::vector<std::string_view> lines_of(std::string_view text) {
    std::vector<std::string_view> lines;
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        lines.push_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return lines;
}

/// The first word of a line; `value` gets the second.
std::string_view key_of(std::string_view line, std::string_view& value) {
    line.remove_prefix(std::min(line.find_first_not_of(blanks), line.size()));
    const auto end = std::min(line.find_first_of(blanks), line.size());
    const auto key = line.substr(0, end);
    line.remove_prefix(end);
    line.remove_prefix(std::min(line.find_first_not_of(blanks), line.size()));
    value = line.substr(0, std::min(line.find_first_of(" \t\r"), line.size()));
    return key;
}

std::vector<std::string_view> nameservers(std::string_view text) {
    std::vector<std::string_view> out;
    for (const auto line : lines_of(text)) {
        std::string_view value;
        if (key_of(line, value) == "nameserver" && !value.empty()) out.push_back(value);
    }
    return out;
}

}  // namespace

std::string taken_text(std::string_view engine, std::string_view nameserver) {
    std::string text = std::string(mark) + "\nnameserver " + std::string(nameserver) + '\n';
    std::string comments;
    for (const auto line : lines_of(engine)) {
        std::string_view value;
        const auto key = key_of(line, value);
        if ((key == "search" || key == "domain" || key == "options") && !value.empty()) text += std::string(line) + '\n';
        comments += std::string(kept_line) + std::string(line) + '\n';
    }
    return text + comments;
}

bool is_taken(std::string_view text) {
    const auto lines = lines_of(text);
    return std::find(lines.begin(), lines.end(), mark) != lines.end();
}

std::string engine_text(std::string_view found, const std::optional<std::string>& copy) {
    if (is_taken(found)) {
        std::string text;
        for (const auto line : lines_of(found))
            if (line.starts_with(kept_line)) text += std::string(line.substr(kept_line.size())) + '\n';
        return text;
    }
    return has_nameserver(found) || !copy || copy->empty() ? std::string(found) : *copy;
}

bool has_nameserver(std::string_view text) { return !nameservers(text).empty(); }

bool names_only(std::string_view text, std::string_view nameserver) {
    const auto found = nameservers(text);
    return !found.empty() && std::all_of(found.begin(), found.end(), [&](std::string_view one) { return one == nameserver; });
}

}  // namespace lictor::supervise
