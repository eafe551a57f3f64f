// Which bytes of a text are UTF-8 (RFC 3629: shortest forms, no surrogates, up to U+10FFFF)?
#pragma once

#include <string_view>

namespace lictor {

/// Bytes of the character at the start of `text`, 0 if they are not UTF-8.
std::size_t utf8_size(std::string_view text);

/// Calls `take` with each character, U+FFFD for each byte that is not part of one.
template <class Take>
void each_utf8(std::string_view text, Take take) {
    while (!text.empty()) {
        const auto size = utf8_size(text);
        take(size ? text.substr(0, size) : std::string_view("\xEF\xBF\xBD"));
        text.remove_prefix(size ? size : 1);
    }
}

}  // namespace lictor
