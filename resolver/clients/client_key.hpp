// Which queries are from one and the same client, for bounds that are kept for each client? On the loopback interface each application has
// a port of its own, so a client is an address with its port. In a network a host has one IPv4 address but as many IPv6 addresses and ports
// as it likes: there a client is an IPv4 address, or an IPv6 network of 56 bits, which is what one site is given (RFC 6177). Pure.
#pragma once

#include <cstdint>

#include "conf/base/address.hpp"
#include "conf/base/bytes.hpp"

namespace lictor::clients {

/// The number of a client; two clients never have the same one.
using ClientKey = std::uint64_t;

/// The client that queries from `peer` are of.
inline ClientKey client_of(const Endpoint& peer) {
    constexpr auto kind = [](std::uint64_t number) { return number << 60; };
    const std::uint8_t* bytes = peer.address.bytes.data();
    const std::uint64_t first = load_u32(bytes);
    if (peer.address.is_loopback()) return kind(peer.address.v6 ? 1 : 2) | (peer.address.v6 ? 0 : first << 16) | peer.port;
    if (!peer.address.v6) return kind(3) | first;
    return kind(4) | first << 24 | load_u32(bytes + 4) >> 8;
}

/// A hash of clients whose collisions cannot be foreseen without `seed`.
struct ClientHash {
    std::uint64_t seed = 0;
    std::size_t operator()(ClientKey client) const {
        std::uint64_t mixed = client ^ seed;
        mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9u;  // splitmix64
        mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111ebu;
        return static_cast<std::size_t>(mixed ^ mixed >> 31);
    }
};

}  // namespace lictor::clients
