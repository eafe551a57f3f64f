// An address in Consul's or Patroni's data: an IP address or a host name.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "conf/base/address.hpp"

namespace lictor::catalog {

/// Any registered text, and the IP address if it is one.
struct HostText {
    std::string text;
    std::optional<Address> ip;

    HostText() = default;
    explicit HostText(std::string registered) : text(std::move(registered)), ip(Address::parse(text)) {}
    bool empty() const { return text.empty(); }
    /// By text alone: `::1` and `0::1` differ.
    bool operator==(const HostText& other) const { return text == other.text; }
};

}  // namespace lictor::catalog
