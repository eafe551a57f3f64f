// Interfaces and addresses of the machine, asked of the kernel.
#include "resolver/listening.hpp"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include <algorithm>

#include "conf/log.hpp"

namespace lictor {
namespace {

/// Addresses of the interfaces whose name matches one of `patterns` (a `*` at the end matches any rest), and of the loopback.
std::vector<Address> interface_addresses(const std::vector<std::string>& patterns) {
    std::vector<Address> found;
    ifaddrs* list = nullptr;
    if (getifaddrs(&list) != 0) return found;
    for (const ifaddrs* at = list; at; at = at->ifa_next) {
        if (!at->ifa_addr || !(at->ifa_flags & IFF_UP)) continue;
        const std::string_view name = at->ifa_name;
        const bool wanted = (at->ifa_flags & IFF_LOOPBACK) || std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
                                return pattern.ends_with('*') ? name.starts_with(std::string_view(pattern).substr(0, pattern.size() - 1)) : name == pattern;
                            });
        if (!wanted) continue;
        Address address;
        if (at->ifa_addr->sa_family == AF_INET) {
            const auto* v4 = reinterpret_cast<const sockaddr_in*>(at->ifa_addr);
            address = Address::from_bytes({reinterpret_cast<const std::uint8_t*>(&v4->sin_addr), 4});
        } else if (at->ifa_addr->sa_family == AF_INET6) {
            const auto* v6 = reinterpret_cast<const sockaddr_in6*>(at->ifa_addr);
            address = Address::from_bytes({reinterpret_cast<const std::uint8_t*>(&v6->sin6_addr), 16});
            if (address.is_link_local()) continue;  // needs a scope that no client's resolv.conf gives
        } else {
            continue;
        }
        if (std::find(found.begin(), found.end(), address) == found.end()) found.push_back(address);
    }
    freeifaddrs(list);
    return found;
}

bool ipv6_loopback_present() {
    const auto all = interface_addresses({});
    return std::any_of(all.begin(), all.end(), [](const Address& a) { return a.v6; });
}

}  // namespace

std::vector<Endpoint> endpoints_of(const Options& options) {
    std::vector<Address> addresses = options.listen_address;
    if (!options.interface.empty())
        for (const auto& address : interface_addresses(options.interface))
            if (std::find(addresses.begin(), addresses.end(), address) == addresses.end()) addresses.push_back(address);
    if (addresses.empty()) {
        addresses.push_back(*Address::parse("127.0.0.1"));
        if (ipv6_loopback_present()) addresses.push_back(*Address::parse("::1"));
    }
    std::vector<Endpoint> endpoints;
    for (const auto& address : addresses) endpoints.push_back({address, options.port});
    return endpoints;
}

std::vector<Endpoint> own_endpoints(std::vector<Endpoint> listening) {
    const auto wildcard = std::find_if(listening.begin(), listening.end(), [](const Endpoint& at) { return at.address.is_unspecified(); });
    if (wildcard == listening.end()) return listening;
    const auto port = wildcard->port;
    for (const auto& address : interface_addresses({"*"})) listening.push_back({address, port});
    return listening;
}

void say_missing_interfaces(const Options& options) {
    ifaddrs* list = nullptr;
    if (options.interface.empty() || getifaddrs(&list) != 0) return;
    for (const auto& pattern : options.interface) {
        bool found = pattern.ends_with('*');
        for (const ifaddrs* at = list; at && !found; at = at->ifa_next)
            found = at->ifa_name == pattern && at->ifa_addr && (at->ifa_flags & IFF_UP) && (at->ifa_addr->sa_family == AF_INET || at->ifa_addr->sa_family == AF_INET6);
        if (!found)
            log::warning("interface=" + log::printable(pattern) + ": no such interface is up with an address; not listened on (correct the name, or start again once it is there)");
    }
    freeifaddrs(list);
}

}  // namespace lictor
