// What is told of one leader scope: the keys below its prefix in Consul's KV, as one recursive read gives them, and what the catalog says
// of the members' nodes. Values without judgement; what they mean is decided in leader_table.cpp.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "watch/catalog.hpp"

namespace lictor {

/// Facts of one recursive KV read below the scope's prefix.
struct ScopeFacts {
    std::uint64_t index = 0;  ///< X-Consul-Index
    bool exists = false;      ///< anything below the prefix
    bool denied = false;      ///< the prefix is not readable (ACL)
    std::string leader;       ///< value of `leader` while a session holds it, else empty
    std::uint64_t leader_lock_index = 0, leader_modify_index = 0;
    std::string leader_session;
    std::map<std::string, MemberRow> members;
    std::optional<std::uint32_t> ttl, loop_wait;  ///< from `config`, seconds
    bool pause = false;
    bool standby_cluster = false;     ///< `config.standby_cluster` is set
    bool failover_requested = false;  ///< `failover` key names a member and has no scheduled_at
    std::optional<std::uint64_t> optime;     ///< where the leader's WAL ends: `status`, before Patroni 2.1 `optime/leader`
    std::vector<std::string> sync_standbys;  ///< of the `sync` key
    bool operator==(const ScopeFacts&) const = default;
};

/// A session holds the lock, whatever it wrote into the key.
inline bool is_held(const ScopeFacts& facts) {
    return !facts.leader.empty() || !facts.leader_session.empty();
}

/// What the catalog says of one member's node; absent = the member has no instance in the catalog.
struct MemberNode {
    HostText node_address, service_address;
    std::uint16_t port = 0;
    bool node_critical = false;
    bool present = false;
    bool service_critical = false;  ///< a check of the instance itself is critical: Patroni does not answer there
    bool primary_tag = false;       ///< tagged `master` or `primary`
};

/// Somebody who goes by the catalog alone would take this member for the primary.
inline bool shows_as_primary(const MemberNode& node) {
    return node.present && node.primary_tag && !node.node_critical && !node.service_critical;
}

}  // namespace lictor
