// When did which fact of a change of leader become known? Compares what was known before an event with what is known after it and keeps
// the times of the change under way, or of the last one (late facts, such as the old tag's end, are added until the next one begins). Pure.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "watch/leader_facts.hpp"

namespace lictor {

class LeaderChronicle {
public:
    struct Known {
        const ScopeFacts& facts;  ///< as last told
        const std::map<std::string, MemberNode>& nodes;
        bool probed = false;      ///< the holder's REST API said primary under this lock
    };
    /// After each event: `before` and `after` are the verdicts around it.
    void look(const Known& known, const LeaderEntry& before, const LeaderEntry& after, Now now);
    const LeaderTimes& times() const { return times_; }

private:
    void begin(const LeaderEntry& before);
    void look_at_lock(const ScopeFacts& facts, const LeaderEntry& before, Now now);
    void look_at_announcement(const ScopeFacts& facts, const LeaderEntry& before, Now now);
    void look_at_promotion(const Known& known, Now now);
    void look_at_old_tag(const Known& known, const LeaderEntry& after, Now now);

    LeaderTimes times_;
    bool open_ = false;                       ///< the change has begun and nobody is answerable yet
    std::optional<LeaderTimes> unannounced_;  ///< the times before an announcement that may still be taken back
    bool announced_ = false;                  ///< the `failover` key, as last told
    std::string holder_;                      ///< of the lock, as last told
    std::uint64_t lock_ = 0;
    bool held_ = false;
    std::string tagged_;                      ///< who was answered and showed as primary in the catalog
    std::optional<Now> untagged_;             ///< since when that one no longer does
};

}  // namespace lictor
