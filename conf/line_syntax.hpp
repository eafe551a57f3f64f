// How one line of a configuration file becomes a name and a value: blanks, comments, double quotes and their escapes, as dnsmasq reads
// them. Quoted commas and blanks are kept apart from bare ones by two marker bytes (control bytes never come in from outside), so that
// a list can be split first and its items made plain afterwards.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "conf/base/result.hpp"

namespace lictor {

struct ConfLine {
    std::string name;                  ///< empty: a blank or comment line
    std::optional<std::string> value;  ///< none: no `=` on the line; may hold marker bytes, see `plain`
};

/// Error: what is wrong with the line, with the remedy.
Result<ConfLine> parse_line(std::string_view raw);

/// The text that was meant: marker bytes back to what they stand for.
std::string plain(std::string_view value);

/// Items between bare separators, trimmed and made plain. An empty value gives one empty item.
std::vector<std::string> split_list(std::string_view value, char separator = ',');

/// A value so that `parse_line` reads it back as one item: in double quotes where it needs them.
std::string quoted(std::string_view value);

/// The same for a value that may hold marker bytes: they do not count.
bool has_plain_control_byte(std::string_view value);

/// True if a byte below 0x20 or 0x7f is in it: no option takes such a value.
bool has_control_byte(std::string_view text);

std::string_view trimmed(std::string_view text);
std::string lower_case(std::string_view text);

}  // namespace lictor
