// Converts between Endpoint and the kernel's sockaddr, without text in between.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <cstring>

#include "conf/base/address.hpp"

namespace lictor::net {

/// An address for system calls: pass `&any` and `length`. As an out-parameter set `length` to the size of `v6` first.
struct SocketAddress {
    union {
        sockaddr any;
        sockaddr_in v4;
        sockaddr_in6 v6;
    };
    socklen_t length = sizeof(sockaddr_in6);  ///< bytes in use; a new object has room for both families

    SocketAddress() : v6{} {}
    /// `scope`: index of the interface; used for link-local IPv6 addresses only, which need it (RFC 4007 §6).
    explicit SocketAddress(const Endpoint& endpoint, std::uint32_t scope = 0) : v6{} {
        if (endpoint.address.v6) {
            v6.sin6_family = AF_INET6;
            v6.sin6_port = htons(endpoint.port);
            std::memcpy(&v6.sin6_addr, endpoint.address.bytes.data(), 16);
            if (endpoint.address.is_link_local()) v6.sin6_scope_id = scope;
        } else {
            v4.sin_family = AF_INET;
            v4.sin_port = htons(endpoint.port);
            std::memcpy(&v4.sin_addr, endpoint.address.bytes.data(), 4);
            length = sizeof(sockaddr_in);
        }
    }

    /// Address and port in host order. Every family but AF_INET6 is read as AF_INET.
    Endpoint endpoint() const {
        Endpoint out;
        if (any.sa_family == AF_INET6) {
            out.address.v6 = true;
            std::memcpy(out.address.bytes.data(), &v6.sin6_addr, 16);
            out.port = ntohs(v6.sin6_port);
        } else {
            std::memcpy(out.address.bytes.data(), &v4.sin_addr, 4);
            out.port = ntohs(v4.sin_port);
        }
        return out;
    }
    /// Interface index of an IPv6 address (sin6_scope_id); 0 for none and for IPv4.
    std::uint32_t scope() const { return any.sa_family == AF_INET6 ? v6.sin6_scope_id : 0; }
};

/// AF_INET or AF_INET6, for socket(2).
inline int family_of(const Address& address) { return address.v6 ? AF_INET6 : AF_INET; }

}  // namespace lictor::net
