// How does a program list the TCP sockets of its network namespace, and end one of them? The requests and replies of the kernel's
// NETLINK_SOCK_DIAG (sock_diag(7), linux/inet_diag.h), as bytes. Pure; hooks/cut_connections sends them.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "conf/base/address.hpp"

namespace lictor::cut {

constexpr std::uint8_t family_v4 = 2, family_v6 = 10;  ///< AF_INET and AF_INET6 of Linux

/// One TCP socket of a list.
struct TcpSocket {
    std::uint8_t family = 0, state = 0;
    /// struct inet_diag_sockid: ports, addresses, interface and cookie. The cookie is of this one socket, so a request to end it never
    /// meets a later socket with the same addresses.
    std::array<std::uint8_t, 48> id{};
    std::uint32_t inode = 0;  ///< 0: no process holds it any more

    /// Where it is connected to; an IPv4-mapped IPv6 address (RFC 4291, 2.5.5.2) becomes IPv4.
    Endpoint remote() const;
};

/// True for a socket that a process holds and that is connected, connecting (SYN_SENT), or closed by one side only.
bool is_in_use(const TcpSocket& socket);

/// Asks for all such sockets of one family whose remote port is `port`.
std::string list_request(std::uint8_t family, std::uint16_t port, std::uint32_t sequence);
/// Ends the socket as `ss -K` does (SOCK_DESTROY): its process gets ECONNABORTED, the other side RST. The kernel acknowledges it.
std::string destroy_request(const TcpSocket& socket, std::uint32_t sequence);

/// What the kernel replied to one request so far.
struct DiagReply {
    std::vector<TcpSocket> sockets;
    bool done = false;         ///< the list is complete, or the request acknowledged
    bool interrupted = false;  ///< sockets came or went meanwhile, so the list may lack some (NLM_F_DUMP_INTR)
    int error = 0;             ///< errno of the request; 0 = none
};
/// Reads one datagram into `reply`. Messages with another sequence number are left out. False: it is malformed or shows that messages were
/// lost; what was read before remains.
bool read_reply(std::string_view datagram, std::uint32_t sequence, DiagReply& reply);

}  // namespace lictor::cut
