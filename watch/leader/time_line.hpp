// When did each fact of a leader change become known? Compares the facts before and after an event, and keeps the times of the present
// change or of the last one. Late facts, such as the end of the old tag, are added until the next change begins. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "watch/catalog/leader_facts.hpp"

namespace lictor::leader {

/// One per scope, in LeaderFusion. A value: no I/O, no clock.
class LeaderTimeLine {
public:
    struct Known {
        const catalog::ScopeFacts& facts;  ///< as last adopted
        const std::map<std::string, catalog::MemberNode>& nodes;
        bool probed = false;  ///< the holder's REST API reported primary under this lock
    };
    /// After each event: `before` and `after` are the verdicts around it.
    void update(const Known& known, const catalog::LeaderEntry& before, const catalog::LeaderEntry& after, Now now);
    /// Of the present change or the last one; `change` is 0 before the first.
    const catalog::LeaderTimes& times() const { return times_; }

private:
    void begin(const catalog::LeaderEntry& before);
    void note_lock(const catalog::ScopeFacts& facts, const catalog::LeaderEntry& before, Now now);
    void note_announcement(const catalog::ScopeFacts& facts, const catalog::LeaderEntry& before, Now now);
    void note_promotion(const Known& known, Now now);
    void note_old_tag(const Known& known, const catalog::LeaderEntry& after, Now now);

    catalog::LeaderTimes times_;
    bool open_ = false;                                ///< the change has begun, and the new leader is not answered yet
    std::optional<catalog::LeaderTimes> unannounced_;  ///< the times from before a switchover request, which may be cancelled
    bool announced_ = false;                           ///< the `failover` key holds a request
    std::string holder_;                               ///< of the lock
    std::uint64_t lock_ = 0;
    bool held_ = false;
    std::string tagged_;           ///< the answered member that the catalog shows as primary
    std::optional<Now> untagged_;  ///< since when the catalog does not show it any more
};

}  // namespace lictor::leader
