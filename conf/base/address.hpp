// An IP address and an address with port, as values: parse, print, compare. Own code, so that pure files need no socket header and
// so that text is judged as Consul's agent judges it (Go's parser: `::ffff:1.2.3.4` is an IPv4 address, a zone is no IP, leading
// zeros are refused as by Go since 1.17).
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace lictor {

struct Address {
    std::array<std::uint8_t, 16> bytes{};  ///< network order; the first 4 count for IPv4
    bool v6 = false;

    /// Strict: no surrounding blanks, no zone, no brackets. IPv4-mapped IPv6 becomes IPv4.
    static std::optional<Address> parse(std::string_view text);
    static Address v4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d);
    /// `raw` is 4 or 16 bytes.
    static Address from_bytes(std::span<const std::uint8_t> raw);

    /// RFC 5952 text.
    std::string text() const;
    std::span<const std::uint8_t> raw() const { return {bytes.data(), v6 ? 16u : 4u}; }
    bool is_loopback() const;     ///< 127.0.0.0/8 or ::1
    bool is_unspecified() const;  ///< 0.0.0.0 or ::
    bool is_link_local() const;   ///< 169.254.0.0/16 or fe80::/10

    auto operator<=>(const Address&) const = default;
};

struct Endpoint {
    Address address;
    std::uint16_t port = 0;

    /// dnsmasq's form `ADDRESS[#PORT]`.
    static std::optional<Endpoint> parse(std::string_view text, std::uint16_t default_port);
    /// `ADDRESS#PORT`, as dnsmasq writes it.
    std::string text() const;

    auto operator<=>(const Endpoint&) const = default;
};

/// Decimal digits only, within [0, max]; nothing else.
std::optional<std::uint64_t> parse_number(std::string_view text, std::uint64_t max);

}  // namespace lictor
