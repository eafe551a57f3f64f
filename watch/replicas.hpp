// Which members of a scope live, and which of them may be read from? `replica.`, `sync.` and `any.` are answered from this: running members
// by their own keys, on nodes that are not failed. Some replicas are better than others (streaming, close to the leader, meant for
// reading, their own check passing); the best kind that there is is answered, so the set is never empty while one lives. Sources:
// Patroni's member keys, `status` (`optime`), `sync`; its REST interface serves `/replica` by the same rules. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "watch/leader.hpp"

namespace lictor {

/// What speaks against a replica, in the order in which objections are dropped when there is nobody without one.
enum class Objection : std::uint8_t {
    none,
    not_streaming,  ///< its version tells the state of replication, and it is another one
    lagging,        ///< further behind than leader-max-lag
    noloadbalance,  ///< tagged so by its operator
    check_failing,  ///< its own check in the catalog is critical, and no tag says why
};

/// A member that lives and does not lead.
struct ReplicaSeat {
    std::string member;
    HostText host, node_address;  ///< by LeaderRule::source; the node's address stands in where `host` cannot be resolved
    std::uint16_t port = 0;
    Objection objection = Objection::none;
    bool replica = false;  ///< answered for `replica.`
    bool sync = false;     ///< answered for `sync.`
    std::optional<std::uint64_t> lag;  ///< bytes behind the leader, as far as the keys tell
    bool operator==(const ReplicaSeat&) const = default;
};

struct ReplicaSet {
    std::vector<ReplicaSeat> seats;  ///< by member name
    bool leader_last_resort = false;  ///< `replica.` may be the leader where no replica lives
    bool operator==(const ReplicaSet&) const = default;
};

/// One per scope, on the control thread. A value: no I/O, no clock.
class ReplicaJudge {
public:
    explicit ReplicaJudge(LeaderRule rule) : rule_(std::move(rule)) {}

    struct Limits {
        std::optional<std::uint64_t> max_lag;
        bool leader_last_resort = false;
    };
    /// Everything is judged anew from what is known now. Null while the keys were not read or are denied.
    std::shared_ptr<const ReplicaSet> judge(const ScopeFacts& facts, const std::map<std::string, MemberNode>& nodes,
                                            const LeaderEntry& leader, const Limits& limits, Now now);
    /// When to judge again though nothing changes; none = never.
    std::optional<Now> deadline() const { return deadline_; }

private:
    /// A replica whose key is gone is kept for a moment: Patroni deletes and puts it again with each new session.
    struct Kept {
        MemberRow row;
        Now until{};
    };
    void remember(const ScopeFacts& facts, Now now);
    bool locate(ReplicaSeat& seat, const MemberRow& row, const MemberNode* node) const;
    bool is_lagging(const std::string& member, std::optional<std::uint64_t> lag, std::optional<std::uint64_t> max);

    LeaderRule rule_;
    std::map<std::string, Kept> living_;  ///< running replicas, those of the keys and those just gone
    std::set<std::string> lagging_;       ///< left out for their lag: they come back only well below the limit
    std::optional<Now> deadline_;
    std::shared_ptr<const ReplicaSet> last_;
};

const char* word(Objection);

}  // namespace lictor
