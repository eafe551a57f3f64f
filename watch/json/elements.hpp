// Which elements of a list are the same as in the reply before? The text is divided at the elements without being parsed, and each element
// is known by a hash of its text, so that only elements that changed have to be parsed. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace lictor::json {

/// The elements of a list of objects, as texts that refer to `body`. Nothing if the text is no such list, or has a NUL byte. An element may
/// still be malformed; if each one is valid JSON, so is the whole text.
std::optional<std::vector<std::string_view>> divide_list(std::string_view body);

/// 128 bits of hash. A random seed prevents others from choosing two texts with the same hash.
struct TextHash {
    std::uint64_t low = 0, high = 0;
    bool operator==(const TextHash&) const = default;
};
TextHash hash_text(std::string_view text, std::uint64_t seed);

inline constexpr std::size_t no_position = static_cast<std::size_t>(-1);
/// For each element of `now` the position of an equal one in `before`, or `no_position`.
std::vector<std::size_t> unchanged_positions(const std::vector<TextHash>& now, const std::vector<TextHash>& before);

}  // namespace lictor::json
