// Encodes base64 (RFC 4648 §4) as Consul does for the values of keys.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace lictor::test {

/// With padding, without line breaks.
inline std::string encode_base64(std::string_view raw) {
    static constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    for (std::size_t at = 0; at < raw.size(); at += 3) {
        const auto byte = [&](std::size_t i) { return at + i < raw.size() ? static_cast<unsigned char>(raw[at + i]) : 0u; };
        const unsigned bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for (unsigned i = 0; i < 4; ++i) out += at + i <= raw.size() ? alphabet[(bits >> (18 - 6 * i)) & 63] : '=';
    }
    return out;
}

}  // namespace lictor::test
