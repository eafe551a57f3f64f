// Which instances of a service may be answered, and with which address and port? Consul's health filter, the tags of a query, its choice of
// addresses, and the tags of a Patroni leader decide. Pure.
#pragma once

#include <string_view>

#include "watch/catalog/catalog.hpp"

namespace lictor::catalog {

/// Consul's health filter: not critical; with `only_passing` not warning either.
bool is_usable(const Instance& instance, const ConsulSettings& settings);
/// Why an instance is left out of an answer.
enum class LeftOut : std::uint8_t { none, maintenance, node_critical, critical, warning, other_tag };
/// By health first, then by tag; `tag_lower` in lower case, empty: any.
LeftOut left_out(const Instance& instance, std::string_view tag_lower, const ConsulSettings& settings);
/// The reason in a few words, for pages; empty for `none`.
const char* words(LeftOut reason);
/// True if the instance has the tag. `tag_lower`: in lower case.
bool has_tag(const Instance& instance, std::string_view tag_lower);
/// True if an instance of the service has the tag, whatever its health.
bool has_tagged(const ServiceEntry& entry, std::string_view tag_lower);
/// The usable instance with Patroni's leader tag (`master` or `primary`); null if there is none. For scopes whose keys are denied. Of
/// several the first one by node name, then by instance id, so that all lictors choose the same.
const Instance* tagged_leader(const ServiceEntry& entry, const ConsulSettings& settings);

/// Which addresses a record may have. `any`: both families, IPv6 first.
enum class Family : std::uint8_t { v4, v6, any };
/// Tagged addresses go before the registered one. `wan`: the addresses are translated (translate_wan_addrs). The result is a part of the
/// instance or node; it may be empty, a host name, or an address of the other family.
const HostText& service_address(const Instance& instance, Family family, bool wan);
const HostText& node_address(const NodeRecord& node, Family family, bool wan);
/// As registered: up to 32 bits, of which an SRV record holds the lower 16.
inline std::uint32_t srv_port(const Instance& instance, bool wan) {
    return wan && instance.tagged.wan_port ? instance.tagged.wan_port : instance.port;
}

}  // namespace lictor::catalog
