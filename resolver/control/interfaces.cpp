// Reads the present state with getifaddrs(3), and changes from a netlink socket.
#include "resolver/control/interfaces.hpp"

#include <ifaddrs.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>

#include "conf/log/log.hpp"
#include "conf/options/listen.hpp"

namespace lictor::control {
namespace {

constexpr milliseconds settling = milliseconds(100);

std::optional<Address> address_of(const sockaddr* from) {
    if (from && from->sa_family == AF_INET)
        return Address::from_bytes({reinterpret_cast<const std::uint8_t*>(&reinterpret_cast<const sockaddr_in*>(from)->sin_addr), 4});
    if (!from || from->sa_family != AF_INET6) return std::nullopt;
    Address address;
    address.v6 = true;
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(&reinterpret_cast<const sockaddr_in6*>(from)->sin6_addr);
    std::copy_n(bytes, 16, address.bytes.begin());
    return address;
}

}  // namespace

std::vector<rules::InterfaceAddress> read_interfaces() {
    std::vector<rules::InterfaceAddress> found;
    ifaddrs* list = nullptr;
    if (getifaddrs(&list) != 0) return found;
    for (const ifaddrs* at = list; at; at = at->ifa_next) {
        const auto address = address_of(at->ifa_addr);
        if (!address) continue;
        unsigned bits = 0;
        if (const auto mask = address_of(at->ifa_netmask))
            for (const auto byte : mask->bytes) bits += static_cast<unsigned>(std::popcount(byte));
        found.push_back({at->ifa_name, *address, bits, (at->ifa_flags & IFF_UP) != 0, (at->ifa_flags & IFF_LOOPBACK) != 0});
    }
    freeifaddrs(list);
    return found;
}

InterfaceWatch::InterfaceWatch(loop::Loop& loop, std::function<void()> changed) : settle_(loop, std::move(changed)) {
    fd_ = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
    sockaddr_nl address{};
    address.nl_family = AF_NETLINK;
    address.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR;
    if (fd_ < 0 || ::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        !watch_.start(loop, fd_, UV_READABLE, [this](int) { drain(); })) {
        log::info("this kernel does not report changes of interfaces; they are read at HUP");
    }
}

InterfaceWatch::~InterfaceWatch() {
    watch_.stop();
    if (fd_ >= 0) ::close(fd_);
}

/// The content of the messages is not used: everything is read again. So a queue that overran (ENOBUFS) is no loss.
void InterfaceWatch::drain() {
    std::array<char, 8192> buffer;  // NOLINT: filled by the kernel
    while (true) {
        const ssize_t got = ::recv(fd_, buffer.data(), buffer.size(), MSG_DONTWAIT);
        if (got < 0 && errno != ENOBUFS && errno != EINTR) break;
        if (got == 0) break;
    }
    settle_.start(settling);
}

}  // namespace lictor::control
