// getifaddrs for what is, a netlink socket for what becomes. A kernel without netlink for us (a strict sandbox) means no news, nothing else.
#include "resolver/interfaces.hpp"

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

#include "conf/log.hpp"

namespace lictor {
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

void add_unique(std::vector<Address>& list, const Address& address) {
    if (std::find(list.begin(), list.end(), address) == list.end()) list.push_back(address);
}

bool matches_any(const std::vector<std::string>& patterns, std::string_view name) {
    return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) { return matches_interface(pattern, name); });
}

}  // namespace

bool matches_interface(const std::string& pattern, std::string_view name) {
    return pattern.ends_with('*') ? name.starts_with(std::string_view(pattern).substr(0, pattern.size() - 1)) : name == pattern;
}

std::vector<InterfaceAddress> read_interfaces() {
    std::vector<InterfaceAddress> found;
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

std::vector<Endpoint> wanted_endpoints(const Options& options, const std::vector<InterfaceAddress>& interfaces) {
    if (options.port == 0) return {};  // DNS is off
    std::vector<Address> addresses = options.listen_address;
    const bool only_except = options.interface.empty() && options.listen_address.empty() && !options.except_interface.empty();
    const bool by_name = !options.interface.empty() || only_except;
    for (const auto& at : interfaces) {
        if (!at.up || (at.address.v6 && at.address.is_link_local())) continue;  // link-local needs a scope that no resolv.conf gives
        if (matches_any(options.except_interface, at.interface)) continue;
        if (by_name && (only_except || at.loopback || matches_any(options.interface, at.interface))) add_unique(addresses, at.address);
        const bool nothing_said = !by_name && options.listen_address.empty();
        if (nothing_said && at.loopback && at.address.is_loopback()) add_unique(addresses, at.address);
    }
    if (addresses.empty() && !by_name) addresses.push_back(*Address::parse("127.0.0.1"));
    std::vector<Endpoint> endpoints;
    for (const auto& address : addresses) endpoints.push_back({address, options.port});
    return endpoints;
}

bool follows_interfaces(const Options& options) {
    return options.bind_dynamic || (!options.bind_interfaces && (!options.interface.empty() || !options.except_interface.empty()));
}

InterfaceWatch::InterfaceWatch(Loop& loop, std::function<void()> changed) : settle_(loop, std::move(changed)) {
    fd_ = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
    sockaddr_nl address{};
    address.nl_family = AF_NETLINK;
    address.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR;
    if (fd_ < 0 || ::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        !watch_.start(loop, fd_, UV_READABLE, [this](int) { drain(); })) {
        log::info("changes of interfaces are not told by this kernel; they are seen at HUP");
    }
}

InterfaceWatch::~InterfaceWatch() {
    watch_.stop();
    if (fd_ >= 0) ::close(fd_);
}

/// What changed does not matter, everything is read again; a queue that ran over says the same.
void InterfaceWatch::drain() {
    std::array<char, 8192> buffer;  // NOLINT: filled by the kernel
    while (true) {
        const ssize_t got = ::recv(fd_, buffer.data(), buffer.size(), MSG_DONTWAIT);
        if (got < 0 && errno != ENOBUFS && errno != EINTR) break;
        if (got == 0) break;
    }
    settle_.start(settling);
}

}  // namespace lictor
