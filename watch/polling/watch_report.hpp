// The state of one running watch, as a value: made by the Watcher, shown by /services. Pure, without the loop and libcurl.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace lictor::polling {

/// Numbers count since the start of the watch.
struct WatchReport {
    std::string kind;  ///< service, nodes, leader, agent
    std::string name, datacenter;
    std::string state;  ///< loading, known, failed, delegated; for leaders the leader's state
    std::string why;    ///< the last failure; empty after a good reply
    std::uint64_t index = 0;
    std::size_t instances = 0;
    std::uint64_t replies = 0, changes = 0, errors = 0;
    double age_seconds = 0;     ///< since the last good reply; negative = none yet
    double asked_seconds = -1;  ///< since the last query for it; negative = never, or not counted (agent)
    bool stale = false;
};

}  // namespace lictor::polling
