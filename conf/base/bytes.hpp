// Reads and writes numbers of two and four bytes in network byte order (most significant byte first, RFC 1035 §2.3.2). The caller checks
// the bounds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace lictor {

/// Reads a number of two bytes; `at` is its first byte.
constexpr std::uint16_t load_u16(const std::uint8_t* at) { return static_cast<std::uint16_t>(at[0] << 8 | at[1]); }
/// Reads a number of four bytes; `at` is its first byte.
constexpr std::uint32_t load_u32(const std::uint8_t* at) { return std::uint32_t{load_u16(at)} << 16 | load_u16(at + 2); }

/// Writes `value` over two bytes; `at` is the first.
constexpr void store_u16(std::uint8_t* at, std::uint16_t value) {
    at[0] = static_cast<std::uint8_t>(value >> 8);
    at[1] = static_cast<std::uint8_t>(value);
}
/// Writes `value` over four bytes; `at` is the first.
constexpr void store_u32(std::uint8_t* at, std::uint32_t value) {
    store_u16(at, static_cast<std::uint16_t>(value >> 16));
    store_u16(at + 2, static_cast<std::uint16_t>(value));
}
/// Appends the lower 16 bits of `value`.
inline void append_u16(std::vector<std::uint8_t>& out, std::size_t value) {
    out.push_back(static_cast<std::uint8_t>(value >> 8));
    out.push_back(static_cast<std::uint8_t>(value));
}

}  // namespace lictor
