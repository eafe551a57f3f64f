// Which members of a scope run without leading, and which of them are answered for `replica.`, `sync.` and `any.`? Members whose record
// shows them running, on nodes that have not failed. Each may have an objection (not streaming, lagging, noloadbalance, check failing);
// those with the least objection are answered, so the set is not empty while one runs. Sources: Patroni's member keys, `status` (`optime`),
// and `sync`; Patroni's `GET /replica` follows the same rules. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "watch/catalog/replica_set.hpp"
#include "watch/leader/leader.hpp"

namespace lictor::leader {

/// One per scope, on the control thread. A value: no I/O, no clock.
class ReplicaJudge {
public:
    explicit ReplicaJudge(conf::LeaderRule rule) : rule_(std::move(rule)) {}

    struct Limits {
        std::optional<std::uint64_t> max_lag;  ///< leader-max-lag, bytes
        bool leader_last_resort = false;       ///< leader-last-resort
    };
    /// Judges all members from the present facts. Null while the keys were not read, are denied or are gone.
    std::shared_ptr<const catalog::ReplicaSet> judge(const catalog::ScopeFacts& facts,
                                                     const std::map<std::string, catalog::MemberNode>& nodes,
                                                     const catalog::LeaderEntry& leader, const Limits& limits, Now now);
    /// When to judge again without new facts; none = never.
    std::optional<Now> deadline() const { return deadline_; }

private:
    /// A replica whose key is missing is kept for a second: Patroni deletes and writes it again with each new session.
    struct Kept {
        catalog::MemberRow row;
        Now until{};
    };
    void update_living(const catalog::ScopeFacts& facts, Now now);
    bool locate(catalog::Replica& replica, const catalog::MemberRow& row, const catalog::MemberNode* node) const;
    bool is_lagging(const std::string& member, std::optional<std::uint64_t> lag, std::optional<std::uint64_t> max);

    conf::LeaderRule rule_;
    std::map<std::string, Kept> living_;  ///< running replicas, and those whose key is missing
    std::set<std::string> lagging_;       ///< above leader-max-lag, and not yet well below it
    std::optional<Now> deadline_;
    std::shared_ptr<const catalog::ReplicaSet> last_;
    std::uint64_t version_ = 0;
};

}  // namespace lictor::leader
