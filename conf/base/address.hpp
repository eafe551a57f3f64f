// IP addresses, and addresses with a port, as values that can be parsed, printed and compared. The code is lictor's own, so that pure files
// need no socket header and text is parsed as Consul's agent parses it (Go's parser: `::ffff:1.2.3.4` is an IPv4 address, a zone is an
// error, leading zeros are an error since Go 1.17).
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace lictor {

/// An IP address. The order is that of the bytes, then IPv4 before IPv6.
struct Address {
    std::array<std::uint8_t, 16> bytes{};  ///< network order; IPv4 uses the first 4
    bool v6 = false;

    /// Strict: no surrounding blanks, no zone, no brackets; else nothing. IPv4-mapped IPv6 becomes IPv4.
    static std::optional<Address> parse(std::string_view text);
    /// The IPv4 address `a.b.c.d`.
    static Address v4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d);
    /// `raw` is 4 or 16 bytes in network order. Unlike `parse` it keeps an IPv4-mapped address as IPv6.
    static Address from_bytes(std::span<const std::uint8_t> raw);

    /// RFC 5952 text.
    std::string text() const;
    /// The 4 or 16 bytes in network order. The span refers to this object.
    std::span<const std::uint8_t> raw() const { return {bytes.data(), v6 ? 16u : 4u}; }
    bool is_loopback() const;     ///< 127.0.0.0/8 or ::1
    bool is_unspecified() const;  ///< 0.0.0.0 or ::
    bool is_link_local() const;   ///< 169.254.0.0/16 or fe80::/10

    auto operator<=>(const Address&) const = default;
};

/// An address with a port in host order.
struct Endpoint {
    Address address;
    std::uint16_t port = 0;

    /// dnsmasq's form `ADDRESS[#PORT]`; nothing if the address is bad or the port is above 65535. Port 0 is accepted.
    static std::optional<Endpoint> parse(std::string_view text, std::uint16_t default_port);
    /// `ADDRESS#PORT`, as dnsmasq writes it.
    std::string text() const;

    auto operator<=>(const Endpoint&) const = default;
};

/// 1 to 19 decimal digits with a value within [0, max]; else nothing. Leading zeros are accepted.
std::optional<std::uint64_t> parse_number(std::string_view text, std::uint64_t max);

}  // namespace lictor
