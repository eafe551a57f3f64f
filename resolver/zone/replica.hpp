// Where are the members of a cluster? This file answers `replica.`, `sync.`, `any.` and `standby-leader.<service>.service` of a watched
// cluster, its plain name if the catalog has no instance, and `_postgresql._tcp.<service>.service` (SRV: priority 10 for the primary, 20
// for replicas). All are answered from the members' keys: in random order, with TTL 0, with addresses instead of aliases, never NXDOMAIN.
#pragma once

#include <optional>

#include "resolver/zone/service.hpp"

namespace lictor::zone {

/// The members as records of `owner`, the question name or behind an alias. SRV is written for the question name only. Nothing if the
/// name is answered from the catalog: the keys are denied or not read, the service has a tag of this name, or, with
/// AgentBehaviour::catalog_before_members, the service has instances.
std::optional<Outcome> add_members(ZoneReply& reply, const ZoneName& name, const catalog::LeaderEntry& leader, const wire::Name& owner,
                                   const Into& into);

}  // namespace lictor::zone
