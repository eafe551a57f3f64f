// The text of a resolv.conf (resolv.conf(5)): its nameservers and its search domain, as dnsmasq reads them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "conf/base/address.hpp"

namespace lictor::rules {

/// One `nameserver` line.
struct ResolvServer {
    Address address;
    std::string interface;  ///< of a scoped address (`fe80::1%eth0`), else empty
};

/// At most 64 servers, in order; after that one note is added and the rest is not read. Invalid lines add a note (`PATH:LINE: …`) and are
/// skipped.
std::vector<ResolvServer> parse_resolv_conf(std::string_view text, std::string_view path, std::vector<std::string>& notes);

/// True for the two addresses at which systemd-resolved answers, 127.0.0.53 and 127.0.0.54.
bool is_resolved_stub(const Address& address);
/// The file in which systemd-resolved lists the servers that it asks itself.
inline constexpr std::string_view resolved_servers_path = "/run/systemd/resolve/resolv.conf";

/// The first word of the last `search` or `domain` line; empty if there is none.
std::string search_domain(std::string_view text);

}  // namespace lictor::rules
