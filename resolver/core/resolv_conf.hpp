// The text of a resolv.conf (resolv.conf(5)): its nameservers, nothing else, as dnsmasq reads it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "conf/base/address.hpp"

namespace lictor {

struct ResolvServer {
    Address address;
    std::string interface;   ///< of a scoped address (`fe80::1%eth0`), else empty
};

std::vector<ResolvServer> parse_resolv_conf(std::string_view text, std::string_view path, std::vector<std::string>& notes);

/// The first word of the last `search` or `domain` line; empty if there is none.
std::string search_domain(std::string_view text);

}  // namespace lictor
