// Which change of leader are the operator's programs told next? One run at a time; what happens meanwhile waits, one entry a scope, and is
// merged: the program is told from whom to whom the leader went since it was told last, and whom it passed over. Pure.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "resolver/core/failovers.hpp"

namespace lictor {

struct HookRun {
    LeaderNews news;
    std::vector<std::string> skipped;  ///< addresses of leaders that came and went in between
};

class HookQueue {
public:
    /// A leader became answerable (a withdrawal is nothing to run for). True if it was merged with one that waits.
    bool push(const LeaderNews& news);
    /// What to run now; nothing while a run is under way.
    std::optional<HookRun> next();
    void done() { busy_ = false; }
    bool busy() const { return busy_; }
    std::size_t waiting() const { return waiting_.size(); }

private:
    std::deque<HookRun> waiting_;  ///< one a scope, in order of their first news
    bool busy_ = false;
};

/// `LICTOR_SCOPE=…` and its like. Text from Consul loses control characters: a shell script may print it, or build a line from it.
std::vector<std::string> hook_environment(const HookRun& run);

}  // namespace lictor
