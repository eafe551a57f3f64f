// What can be seen from outside at one moment: gathered on the control thread for the stats endpoint, the log (USR1) and readiness.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "conf/metrics.hpp"
#include "resolver/core/failovers.hpp"
#include "resolver/core/resolver.hpp"
#include "resolver/core/shadow.hpp"
#include "watch/watch_report.hpp"

namespace lictor {

struct Status {
    std::string version;
    std::int64_t started_unix = 0;
    double uptime_seconds = 0;
    Now now{};                                        ///< monotonic, for ages
    std::vector<Endpoint> listening;
    std::vector<std::string> config_files;
    std::int64_t config_loaded_unix = 0;
    std::vector<std::string> reload_errors;           ///< of the last HUP, empty if it was taken over

    std::vector<const WorkerCounters*> workers;
    std::vector<double> heartbeat_age_seconds;        ///< per worker
    const ControlCounters* control = nullptr;
    std::vector<UpstreamReport> upstreams;            ///< summed over the workers; rtt is the worst
    std::shared_ptr<const View> view;
    std::vector<WatchReport> watches;
    const Failovers* failovers = nullptr;

    std::shared_ptr<const ShadowReport> shadow;       ///< null: off

    bool consul_on = false;
    std::string consul_address;                       ///< in use
    std::int64_t consul_last_contact_unix = 0;

    bool healthy = false;                             ///< every worker's heart beat within the last two seconds
    bool ready = false;                               ///< first sync done and an upstream answered (where there is one)
    std::string not_ready_because;
    std::uint64_t resident_bytes = 0;
    std::size_t open_descriptors = 0;
};

}  // namespace lictor
