// The members of a Patroni scope that run and do not lead, as a value in the Catalog.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "watch/catalog/host_text.hpp"

namespace lictor::catalog {

/// Why a replica is not preferred. If every replica has an objection, those with the lowest one are answered.
enum class Objection : std::uint8_t {
    none,
    not_streaming,  ///< replication_state is not `streaming`, and its Patroni writes that state
    lagging,        ///< further behind than leader-max-lag
    noloadbalance,  ///< has Patroni's tag `noloadbalance`
    check_failing,  ///< its check in the catalog is critical, and it has no tag `noloadbalance`
};

/// A member that runs and does not lead.
struct Replica {
    std::string member;
    HostText host, node_address;  ///< by LeaderRule::source; node_address is answered if `host` cannot be resolved
    std::uint16_t port = 0;
    Objection objection = Objection::none;
    bool as_replica = false;           ///< answered for `replica.`
    bool as_sync = false;              ///< answered for `sync.`
    bool standby_leader = false;       ///< holds the lock of a standby cluster
    std::optional<std::uint64_t> lag;  ///< bytes behind the leader, by the keys
    bool operator==(const Replica&) const = default;
};

/// The replicas of one scope, immutable in the Catalog.
struct ReplicaSet {
    std::uint64_t version = 0;        ///< rises with every change, so that held queries are decided again
    std::vector<Replica> replicas;    ///< by member name
    bool leader_last_resort = false;  ///< `replica.` is answered with the leader if no replica runs
    bool operator==(const ReplicaSet&) const = default;
};

/// The word of an objection for /leaders and the log.
inline const char* word(Objection objection) {
    switch (objection) {
        case Objection::none: return "none";
        case Objection::not_streaming: return "not streaming";
        case Objection::lagging: return "lagging";
        case Objection::noloadbalance: return "noloadbalance";
        case Objection::check_failing: return "check failing";
    }
    return "unknown";
}

}  // namespace lictor::catalog
