// How is text from outside escaped for a log line, a message or a terminal?
#pragma once

#include <string>
#include <string_view>

namespace lictor {

/// Control bytes, quotes, backslash and bytes above 0x7e as `\DDD` (decimal, RFC 1035 §5.1); at most `max` bytes of input, then "…".
std::string printable(std::string_view text, std::size_t max = 300);
/// Like `printable`, for text between double quotes: an apostrophe is not escaped.
std::string quotable(std::string_view text, std::size_t max = 300);
/// For a message whose outside parts are already escaped by `printable`: escapes control bytes only and keeps quotes.
std::string one_line(std::string_view message, std::size_t max = 2000);

/// Text of a configuration for a message: between single quotes, escaped, at most `bytes_max` bytes of it.
inline std::string shown(std::string_view text, std::size_t bytes_max = 100) { return '\'' + printable(text, bytes_max) + '\''; }

}  // namespace lictor
