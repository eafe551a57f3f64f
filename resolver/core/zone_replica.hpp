// Who else is there? `replica.`, `sync.` and `any.<service>.service` of a watched cluster, the cluster's plain name where nothing is
// registered in the catalog, and `_postgresql._tcp.<service>.service` (SRV: primary 10, replicas 20): answered from the members' own keys,
// in random order, TTL 0, addresses without aliases, never NXDOMAIN.
#pragma once

#include <optional>

#include "resolver/core/zone_target.hpp"

namespace lictor {

/// Nothing: the name is an ordinary one, for the catalog to answer (no cluster of that name, its keys are denied, or under
/// consul-dns-compat=strict the service is registered).
std::optional<Outcome> answer_members(ZoneReply& reply, const ZoneName& name);
/// Behind an alias.
std::optional<Outcome> add_members(ZoneReply& reply, const ZoneName& name, const Name& owner, const Into& into);

}  // namespace lictor
