// The facts of one leader scope: Patroni's keys, as one recursive KV read returns them, and the members' nodes from the catalog. They are
// judged in watch/leader/. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "watch/catalog/catalog.hpp"

namespace lictor::catalog {

/// Facts of one recursive KV read below the scope's prefix.
struct ScopeFacts {
    std::uint64_t index = 0;  ///< X-Consul-Index
    bool exists = false;      ///< there is a key below the prefix
    bool denied = false;      ///< the prefix is not readable (ACL)
    std::string leader;       ///< value of `leader` while a session holds it, else empty
    std::uint64_t leader_lock_index = 0, leader_modify_index = 0;
    std::string leader_session;
    std::map<std::string, MemberRow> members;
    std::optional<std::uint32_t> ttl, loop_wait;  ///< from `config`, seconds
    bool pause = false;
    bool standby_cluster = false;            ///< `config.standby_cluster` is set
    bool failover_requested = false;         ///< `failover` key names a member and has no scheduled_at
    std::optional<std::uint64_t> optime;     ///< end of the leader's WAL, bytes: `status`, before Patroni 2.1 `optime/leader`
    std::vector<std::string> sync_standbys;  ///< of the `sync` key
    bool operator==(const ScopeFacts&) const = default;
};

/// A session holds the lock, with any value in the key.
inline bool is_held(const ScopeFacts& facts) { return !facts.leader.empty() || !facts.leader_session.empty(); }

/// One member's instance and node in the catalog.
struct MemberNode {
    HostText node_address, service_address;
    std::uint16_t port = 0;
    bool node_critical = false;
    bool present = false;           ///< the catalog has an instance
    bool service_critical = false;  ///< a check of the instance is critical: Patroni does not respond
    bool primary_tag = false;       ///< tagged `master` or `primary`
};

/// By the catalog alone this member is the primary.
inline bool shows_as_primary(const MemberNode& node) {
    return node.present && node.primary_tag && !node.node_critical && !node.service_critical;
}

}  // namespace lictor::catalog
