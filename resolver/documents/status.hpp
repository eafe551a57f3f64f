// The state of lictor at one moment, collected on the control thread for the stats endpoint and the log (USR1). Pointers are valid until
// the next turn of the control loop.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "conf/budget/budget.hpp"
#include "conf/metrics/metrics_fwd.hpp"
#include "resolver/core/resolver.hpp"
#include "resolver/documents/history.hpp"
#include "resolver/failover/failovers.hpp"
#include "resolver/lifecycle/faults.hpp"
#include "resolver/shadow/compare.hpp"
#include "watch/polling/watch_report.hpp"

namespace lictor::documents {

/// One line of the log at level warning or error.
struct LoggedWarning {
    std::int64_t unix_seconds = 0;
    bool error = false;
    std::string text;
};

/// What the process uses.
struct ProcessUse {
    double cpu_seconds = 0;  ///< user and system
    std::uint64_t resident_bytes = 0, virtual_bytes = 0;
    std::size_t open_descriptors = 0, threads = 0;
    std::uint64_t descriptors_max = 0;
};

struct Status {
    std::string version;
    std::string host;  ///< this machine's name
    std::int64_t started_unix = 0;
    double uptime_seconds = 0;
    Now now{};  ///< monotonic, for ages
    std::vector<Endpoint> listening;
    std::vector<std::string> config_files;
    std::int64_t config_loaded_unix = 0;
    std::vector<std::string> reload_errors;  ///< of the last HUP; empty if it succeeded

    std::vector<const metrics::WorkerCounters*> workers;
    std::vector<double> heartbeat_age_seconds;  ///< per worker
    const metrics::ControlCounters* control = nullptr;
    std::vector<forward::UpstreamReport> upstreams;  ///< sums over the workers; rtt is the longest
    std::shared_ptr<const view::View> view;
    std::vector<polling::WatchReport> watches;
    const failover::Failovers* failovers = nullptr;

    std::shared_ptr<const shadow::ShadowReport> shadow;  ///< null: shadow is off

    bool consul_on = false;
    std::string consul_address;  ///< the address in use; empty before the first request
    std::int64_t consul_last_contact_unix = 0;

    bool healthy = false;  ///< each worker had a heartbeat within 2 s
    bool ready = false;    ///< `not_ready_because` is empty
    std::string not_ready_because;
    std::vector<std::string> warnings;         ///< what does not work, whether ready or not (lifecycle::standing_warnings)
    std::vector<lifecycle::Fault> faults;      ///< the worst first; empty: no fault is known
    std::vector<LoggedWarning> last_warnings;  ///< newest first
    const History* history = nullptr;
    budget::Report memory;  ///< use of memory-max
    ProcessUse process;
};

}  // namespace lictor::documents
