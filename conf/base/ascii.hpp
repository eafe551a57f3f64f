// Functions for text in ASCII: lower case, blanks, control bytes. The locale has no effect.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace lictor {

/// `lower` and `lower_case`: A to Z become a to z (RFC 4343); all other bytes are unchanged.
constexpr std::uint8_t lower(std::uint8_t c) { return c >= 'A' && c <= 'Z' ? static_cast<std::uint8_t>(c + ('a' - 'A')) : c; }
constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }
std::string lower_case(std::string_view text);
/// True if both are equal except for the case of ASCII letters.
bool equal_ignoring_case(std::string_view a, std::string_view b);

/// Space, tab, CR, VT and FF; no line end.
constexpr bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f'; }
/// `text` without the blanks (`is_blank`) at both ends; a view of the same bytes.
std::string_view trimmed(std::string_view text);

/// True if the text contains a byte below 0x20, or 0x7f.
bool has_control_byte(std::string_view text);

}  // namespace lictor
