// What there is to tell of one running watch: a plain value, made by the Watcher, read by whoever shows it. No loop and no curl in here,
// so that pure code can take it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace lictor {

/// One watch as /services shows it.
struct WatchReport {
    std::string kind;        ///< service, nodes, leader, agent
    std::string name, datacenter;
    std::string state;       ///< loading, known, failed, delegated; for leaders the leader's state
    std::string why;
    std::uint64_t index = 0;
    std::size_t instances = 0;
    std::uint64_t replies = 0, changes = 0, errors = 0;
    double age_seconds = 0;  ///< since the last good reply
    double asked_seconds = -1;  ///< since somebody asked; negative = never
    bool stale = false;
};

}  // namespace lictor
