// Where is the leader? `master.` and `primary.<service>.service` of a watched cluster, and `<name>.leader` of a plain lock, have exactly
// one address, with TTL 0. The query is held while no leader can be answered. The answer is never NXDOMAIN, and never an alias without an
// address.
#pragma once

#include "resolver/zone/service.hpp"

namespace lictor::zone {

/// Writes the SOA of a leader's service: `<service>.service.<domain>` and every name below it form a zone, whose serial rises with each new
/// leader. False if the name is not in such a zone, or without AgentBehaviour::has_leader_zones.
bool answer_leader_soa(ZoneReply& reply);
/// The runtime entry of the leader's service that a lower-case name belongs to: a name at or below `<service>.service.<domain>`, or a
/// lock's. Null if there is none. Owned by `runtime`.
const view::RuntimeEntry* leader_behind(const wire::Name& lower, const catalog::Catalog& catalog, const view::LeaderRuntime& runtime);
/// The leader's address as a record of `owner`, the question name or behind an alias. SRV is written for the question name only.
Outcome add_leader(ZoneReply& reply, const catalog::LeaderEntry& leader, const wire::Name& owner, const Into& into);

}  // namespace lictor::zone
