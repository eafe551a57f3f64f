// Divides a text at the braces outside of its strings, and compares two lists of hashes: from both ends, and by a table between.
#include "watch/json/elements.hpp"

#include <bit>
#include <cstring>
#include <unordered_map>

namespace lictor::json {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

std::size_t skip_blanks(std::string_view text, std::size_t at) {
    while (at < text.size() && is_blank(text[at])) ++at;
    return at;
}

/// The position behind the object that begins at `at`; npos if it does not end.
std::size_t end_of_object(std::string_view text, std::size_t at) {
    std::size_t depth = 0;
    for (; at < text.size(); ++at) {
        switch (text[at]) {
            case '{': ++depth; break;
            case '}':
                if (--depth == 0) return at + 1;
                break;
            case '"':
                for (++at; at < text.size() && text[at] != '"'; ++at)
                    if (text[at] == '\\') ++at;
                break;
            default: break;
        }
    }
    return std::string_view::npos;
}

std::uint64_t load(const char* from) {
    std::uint64_t value;
    std::memcpy(&value, from, sizeof value);
    return value;
}

std::uint64_t mix(std::uint64_t value) {
    value = (value ^ value >> 32) * 0xd6e8feb86659fd93u;
    value = (value ^ value >> 32) * 0xd6e8feb86659fd93u;
    return value ^ value >> 32;
}

}  // namespace

std::optional<std::vector<std::string_view>> divide_list(std::string_view body) {
    if (body.find('\0') != std::string_view::npos) return std::nullopt;
    std::vector<std::string_view> elements;
    std::size_t at = skip_blanks(body, 0);
    if (at == body.size() || body[at] != '[') return std::nullopt;
    at = skip_blanks(body, at + 1);
    while (at < body.size() && body[at] == '{') {
        const std::size_t end = end_of_object(body, at);
        if (end == std::string_view::npos) return std::nullopt;
        elements.push_back(body.substr(at, end - at));
        at = skip_blanks(body, end);
        if (at == body.size() || body[at] != ',') break;
        at = skip_blanks(body, at + 1);
        if (at == body.size() || body[at] != '{') return std::nullopt;
    }
    if (at == body.size() || body[at] != ']' || skip_blanks(body, at + 1) != body.size()) return std::nullopt;
    return elements;
}

TextHash hash_text(std::string_view text, std::uint64_t seed) {
    std::uint64_t low = mix(seed ^ text.size()), high = mix(low + seed);
    const char* at = text.data();
    std::size_t left = text.size();
    for (; left >= 8; at += 8, left -= 8) {
        const std::uint64_t word = load(at);
        low = std::rotl(low ^ word, 29) * 0x9e3779b97f4a7c15u + high;
        high = std::rotl(high + word, 31) * 0xc2b2ae3d27d4eb4fu ^ low;
    }
    std::uint64_t rest = 0;
    if (left > 0) std::memcpy(&rest, at, left);
    low = mix(low ^ rest);
    high = mix((high + rest) ^ low);
    return {mix(low + high), high};
}

std::vector<std::size_t> unchanged_positions(const std::vector<TextHash>& now, const std::vector<TextHash>& before) {
    std::vector<std::size_t> positions(now.size(), no_position);
    std::size_t end = now.size(), end_before = before.size();
    while (end > 0 && end_before > 0 && now[end - 1] == before[end_before - 1]) positions[--end] = --end_before;
    std::size_t begin = 0;
    for (; begin < end && begin < end_before && now[begin] == before[begin]; ++begin) positions[begin] = begin;
    if (begin == end) return positions;
    const auto by_low = [](const TextHash& hash) { return static_cast<std::size_t>(hash.low); };
    std::unordered_map<TextHash, std::size_t, decltype(by_low)> others(2 * (end_before - begin), by_low);
    for (std::size_t at = begin; at < end_before; ++at) others.emplace(before[at], at);
    for (std::size_t at = begin; at < end; ++at)
        if (const auto found = others.find(now[at]); found != others.end()) positions[at] = found->second;
    return positions;
}

}  // namespace lictor::json
