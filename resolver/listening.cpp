// What the kernel knows of the machine's addresses, beside what the configuration says.
#include "resolver/listening.hpp"

#include <ifaddrs.h>
#include <net/if.h>
#include <sys/socket.h>

#include <algorithm>

#include "conf/log.hpp"
#include "resolver/interfaces.hpp"

namespace lictor {

std::vector<Endpoint> own_endpoints(std::vector<Endpoint> listening) {
    const auto wildcard = std::find_if(listening.begin(), listening.end(), [](const Endpoint& at) { return at.address.is_unspecified(); });
    if (wildcard == listening.end()) return listening;
    const auto port = wildcard->port;
    for (const auto& at : read_interfaces())
        if (at.up) listening.push_back({at.address, port});
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
