// How does a line of a configuration file become a name and a value? Blanks, comments, double quotes and escapes are read as in dnsmasq.
// Two marker bytes replace quoted commas and blanks, so that a list is split first and `without_markers` restores the items afterwards. The
// input cannot contain the marker bytes: control bytes are refused.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "conf/base/ascii.hpp"
#include "conf/base/result.hpp"

namespace lictor::conf {

/// One line of a file, split at the first unquoted `=`.
struct ConfLine {
    std::string name;                  ///< empty: a blank or comment line
    std::optional<std::string> value;  ///< none: no `=` on the line; may hold marker bytes, see `without_markers`
};

/// `raw` has no line feed. Error, with the remedy: more than 64 KiB, a control byte, a quote without its end, or no name before `=`.
Result<ConfLine> parse_line(std::string_view raw);

/// The text of a file without the UTF-8 byte order mark that some editors put in front.
inline std::string_view without_byte_order_mark(std::string_view text) { return text.starts_with("\xef\xbb\xbf") ? text.substr(3) : text; }

/// The text with marker bytes replaced by commas and blanks.
std::string without_markers(std::string_view value);

/// Items between unquoted separators, without spaces at their ends and without marker bytes. An empty value gives one empty item.
std::vector<std::string> split_list(std::string_view value, char separator = ',');

/// The value in the form that `parse_line` reads as one item: in double quotes if needed.
std::string quoted(std::string_view value);

/// True if the value contains a control byte other than a marker byte.
bool has_plain_control_byte(std::string_view value);

}  // namespace lictor::conf
