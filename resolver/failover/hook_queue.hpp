// For which change of leader do the operator's programs run next? One run is active at a time. A change during a run waits; there is one
// for each service, and it is merged with later ones. The run then has the leader of the last run, the newest leader, and the addresses of
// the leaders in between. Pure.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "resolver/failover/failovers.hpp"

namespace lictor::failover {

/// One run of the operator's programs.
struct HookRun {
    LeaderChange change;
    std::vector<std::string> skipped;  ///< addresses of the leaders in between, 16 at most
};

class HookQueue {
public:
    /// A leader became answerable. A withdrawal is ignored, and so is the return of the same leader if no change of its service waits. True
    /// if it was merged with a waiting change.
    bool push(const LeaderChange& change);
    /// The run to start now; nothing during a run.
    std::optional<HookRun> next();
    /// The run has ended.
    void done() { busy_ = false; }

private:
    std::deque<HookRun> waiting_;  ///< one per service, in the order of their first change
    bool busy_ = false;
};

/// The variables `LICTOR_SCOPE=…` and so on. Each value is cut to 255 bytes, except the list of skipped addresses. Control characters in
/// text from Consul become `?`: a shell script may print it.
std::vector<std::string> hook_environment(const HookRun& run);

}  // namespace lictor::failover
