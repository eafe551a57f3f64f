// Who leads, and since which serial? `master.` and `primary.<service>.service` of a watched cluster, `<name>.leader` of a plain lock: exactly one address, TTL 0, held while nobody leads, never
// NXDOMAIN, never an alias without an address behind it.
#pragma once

#include "resolver/core/zone_target.hpp"

namespace lictor {

/// The cluster that a name asks the leader of; nothing for ordinary names.
const LeaderEntry* find_leader(const ZoneName& name, const Catalog& catalog);

Outcome answer_leader(ZoneReply& reply, const LeaderEntry& leader);
/// SOA of a leader's service, for `<service>.service.<domain>` and every name below: its own zone, whose serial rises with each new
/// leader. False if the name is in no leader's service; never under strict.
bool answer_leader_soa(ZoneReply& reply);
/// Behind an alias.
Outcome add_leader(ZoneReply& reply, const LeaderEntry& leader, const Name& owner, const Into& into);

}  // namespace lictor
