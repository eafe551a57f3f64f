// Which `server=` route applies to a name in a Consul domain? A route to an agent's DNS does not: lictor has the agent's data in memory and
// knows the leaders. A route to another server does; it takes precedence over Consul's data. Pure.
#pragma once

#include "resolver/rules/rules.hpp"
#include "resolver/wire/name.hpp"
#include "watch/catalog/catalog.hpp"

namespace lictor::zone {

/// The usual port of a Consul agent's DNS.
inline constexpr std::uint16_t agent_dns_port = 8600;

/// True if the name (lower case, at or below `domain`) is of lictor's own datacenter and its route leads to a Consul agent: the one that
/// lictor uses (consul-dns), or any server on port 8600. One such server in the route suffices. Names of other datacenters keep the route:
/// lictor's agent may not know those.
bool leads_to_consul(const rules::Rules& rules, const rules::UpstreamGroup& route, const wire::Name& lower, const wire::Name& domain,
                     const catalog::ConsulSettings& settings);
/// The route of the longest `server=` domain at or below `domain` that applies; null if there is none.
const rules::UpstreamGroup* operator_route(const rules::Rules& rules, const wire::Name& lower, const wire::Name& domain,
                                           const catalog::ConsulSettings& settings);

}  // namespace lictor::zone
