// Splits the lines at their colons: name, password, id, then the group's id in passwd, the members in group.
#include "conf/values/user_lines.hpp"

#include <array>

#include "conf/base/address.hpp"

namespace lictor::conf {
namespace {

constexpr unsigned id_max = 0xffff'fffe;

/// The first four fields; the fourth is the rest of the line up to the next colon. Nothing if there are fewer.
using Fields = std::array<std::string_view, 4>;
std::optional<Fields> fields_of(std::string_view line) {
    Fields fields;
    for (std::size_t number = 0; number < fields.size(); ++number) {
        const auto colon = line.find(':');
        if (colon == std::string_view::npos && number + 1 < fields.size()) return std::nullopt;
        fields[number] = line.substr(0, colon);
        line.remove_prefix(colon == std::string_view::npos ? line.size() : colon + 1);
    }
    return fields;
}

/// The first value that `read` makes of the fields of a line.
template <class Read>
auto first_line(std::string_view text, Read read) -> decltype(read(Fields{})) {
    while (!text.empty()) {
        const auto line = text.substr(0, text.find('\n'));
        text.remove_prefix(line.size() == text.size() ? line.size() : line.size() + 1);
        // A + or - at the beginning refers to NIS; # begins a comment.
        if (line.empty() || line[0] == '+' || line[0] == '-' || line[0] == '#') continue;
        if (const auto fields = fields_of(line))
            if (auto value = read(*fields)) return value;
    }
    return std::nullopt;
}

std::optional<UserLine> user_in(const Fields& fields) {
    const auto user = parse_id(fields[2]), group = parse_id(fields[3]);
    if (fields[0].empty() || !user || !group) return std::nullopt;
    return UserLine{std::string(fields[0]), *user, *group};
}

}  // namespace

std::optional<unsigned> parse_id(std::string_view text) {
    const auto number = parse_number(text, id_max);
    return number ? std::optional(static_cast<unsigned>(*number)) : std::nullopt;
}

std::optional<UserLine> user_of_name(std::string_view passwd, std::string_view name) {
    return first_line(passwd, [&](const Fields& fields) { return fields[0] == name ? user_in(fields) : std::nullopt; });
}

std::optional<UserLine> user_of_id(std::string_view passwd, unsigned user) {
    return first_line(passwd, [&](const Fields& fields) {
        const auto line = user_in(fields);
        return line && line->user == user ? line : std::nullopt;
    });
}

std::optional<unsigned> group_of_name(std::string_view group, std::string_view name) {
    return first_line(group, [&](const Fields& fields) { return !name.empty() && fields[0] == name ? parse_id(fields[2]) : std::nullopt; });
}

}  // namespace lictor::conf
