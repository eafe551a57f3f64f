// Parses and prints addresses in their text forms (RFC 4291 §2.2, RFC 5952).
#include "conf/base/address.hpp"

#include <algorithm>

#include "conf/base/bytes.hpp"

namespace lictor {
namespace {

bool parse_v4(std::string_view text, std::uint8_t* out) {
    for (int part = 0; part < 4; ++part) {
        const auto dot = part < 3 ? text.find('.') : text.size();
        if (dot == std::string_view::npos) return false;
        const auto digits = text.substr(0, dot);
        if (digits.empty() || digits.size() > 3 || (digits.size() > 1 && digits.front() == '0')) return false;
        const auto value = parse_number(digits, 255);
        if (!value) return false;
        out[part] = static_cast<std::uint8_t>(*value);
        text.remove_prefix(std::min(dot + 1, text.size()));
    }
    return true;
}

std::optional<unsigned> parse_hex_group(std::string_view text) {
    if (text.empty() || text.size() > 4) return std::nullopt;
    unsigned value = 0;
    for (const char c : text) {
        unsigned digit = 0;
        if (c >= '0' && c <= '9') digit = static_cast<unsigned>(c - '0');
        else if (c >= 'a' && c <= 'f') digit = static_cast<unsigned>(c - 'a') + 10;
        else if (c >= 'A' && c <= 'F') digit = static_cast<unsigned>(c - 'A') + 10;
        else return std::nullopt;
        value = value * 16 + digit;
    }
    return value;
}

bool parse_v6(std::string_view text, std::array<std::uint8_t, 16>& out) {
    out = {};
    std::size_t filled = 0;
    std::optional<std::size_t> gap;
    if (text.starts_with("::")) {
        gap = 0;
        text.remove_prefix(2);
    } else if (text.starts_with(":")) {
        return false;
    }
    while (!text.empty()) {
        const auto colon = text.find(':');
        const auto group = text.substr(0, colon);
        if (group.find('.') != std::string_view::npos) {
            if (colon != std::string_view::npos || filled > 12 || !parse_v4(group, out.data() + filled)) return false;
            filled += 4;
            text = {};
            break;
        }
        const auto value = parse_hex_group(group);
        if (!value || filled > 14) return false;
        out[filled] = static_cast<std::uint8_t>(*value >> 8);
        out[filled + 1] = static_cast<std::uint8_t>(*value & 0xff);
        filled += 2;
        if (colon == std::string_view::npos) {
            text = {};
            break;
        }
        text.remove_prefix(colon + 1);
        if (text.starts_with(":")) {
            if (gap) return false;
            gap = filled;
            text.remove_prefix(1);
        } else if (text.empty()) {
            return false;
        }
    }
    if (!gap) return filled == 16;
    if (filled > 14) return false;
    // What followed the "::" belongs at the end; zeros fill the gap.
    std::array<std::uint8_t, 16> moved{};
    const auto split = out.begin() + static_cast<std::ptrdiff_t>(*gap);
    const auto end = out.begin() + static_cast<std::ptrdiff_t>(filled);
    std::copy(out.begin(), split, moved.begin());
    std::copy_backward(split, end, moved.end());
    out = moved;
    return true;
}

}  // namespace

std::optional<std::uint64_t> parse_number(std::string_view text, std::uint64_t max) {
    if (text.empty() || text.size() > 19) return std::nullopt;
    std::uint64_t value = 0;
    for (const char c : text) {
        if (c < '0' || c > '9') return std::nullopt;
        value = value * 10 + static_cast<unsigned>(c - '0');
    }
    return value <= max ? std::optional(value) : std::nullopt;
}

Address Address::v4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
    Address address;
    address.bytes = {a, b, c, d};
    return address;
}

Address Address::from_bytes(std::span<const std::uint8_t> raw) {
    Address address;
    address.v6 = raw.size() == 16;
    std::copy_n(raw.begin(), std::min<std::size_t>(raw.size(), 16), address.bytes.begin());
    return address;
}

std::optional<Address> Address::parse(std::string_view text) {
    Address address;
    if (text.find(':') == std::string_view::npos) {
        if (!parse_v4(text, address.bytes.data())) return std::nullopt;
        return address;
    }
    if (!parse_v6(text, address.bytes)) return std::nullopt;
    static constexpr std::array<std::uint8_t, 12> mapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    if (std::equal(mapped.begin(), mapped.end(), address.bytes.begin()))
        return v4(address.bytes[12], address.bytes[13], address.bytes[14], address.bytes[15]);
    address.v6 = true;
    return address;
}

std::string Address::text() const {
    std::string out;
    if (!v6) {
        for (int i = 0; i < 4; ++i) {
            if (i) out += '.';
            out += std::to_string(bytes[static_cast<std::size_t>(i)]);
        }
        return out;
    }
    std::array<unsigned, 8> groups{};
    for (std::size_t i = 0; i < 8; ++i) groups[i] = load_u16(bytes.data() + 2 * i);
    std::size_t best = 8, best_length = 1;  // RFC 5952 §4.2.2: a single zero group is not shortened
    for (std::size_t i = 0; i < 8;) {
        std::size_t end = i;
        while (end < 8 && groups[end] == 0) ++end;
        if (end - i > best_length) {
            best = i;
            best_length = end - i;
        }
        i = std::max(end, i + 1);
    }
    static constexpr char hex[] = "0123456789abcdef";
    for (std::size_t i = 0; i < 8; ++i) {
        if (i == best) {
            out += "::";
            i += best_length - 1;
            continue;
        }
        if (!out.empty() && out.back() != ':') out += ':';
        bool started = false;
        for (int shift = 12; shift >= 0; shift -= 4) {
            const unsigned digit = (groups[i] >> shift) & 15;
            if (digit || started || shift == 0) {
                out += hex[digit];
                started = true;
            }
        }
    }
    return out;
}

bool Address::is_loopback() const {
    if (!v6) return bytes[0] == 127;
    return std::all_of(bytes.begin(), bytes.begin() + 15, [](auto b) { return b == 0; }) && bytes[15] == 1;
}

bool Address::is_unspecified() const {
    return std::all_of(bytes.begin(), bytes.end(), [](auto b) { return b == 0; });
}

bool Address::is_link_local() const { return v6 ? bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80 : bytes[0] == 169 && bytes[1] == 254; }

std::optional<Endpoint> Endpoint::parse(std::string_view text, std::uint16_t default_port) {
    Endpoint endpoint{.address = {}, .port = default_port};
    const auto hash = text.find('#');
    if (hash != std::string_view::npos) {
        const auto port = parse_number(text.substr(hash + 1), 65535);
        if (!port) return std::nullopt;
        endpoint.port = static_cast<std::uint16_t>(*port);
        text = text.substr(0, hash);
    }
    const auto address = Address::parse(text);
    if (!address) return std::nullopt;
    endpoint.address = *address;
    return endpoint;
}

std::string Endpoint::text() const { return address.text() + '#' + std::to_string(port); }

}  // namespace lictor
