// The operator's programs (leader-exec) and the process that runs them. It becomes the same user as lictor, and may keep CAP_NET_ADMIN,
// which lictor drops. What it may run is fixed at its start; requests carry only variables.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "conf/base/result.hpp"
#include "conf/metrics/metrics_fwd.hpp"
#include "conf/options/options_fwd.hpp"
#include "resolver/failover/hook_queue.hpp"
#include "resolver/hooks/helper_process.hpp"
#include "resolver/hooks/run_hooks.hpp"
#include "watch/loop/loop.hpp"

namespace lictor::hooks {

/// The process of the runner and the control thread's end of its socket.
class HookProcess {
public:
    /// Null if no program is configured. Errors, and when to call: as HelperProcess::start.
    static Result<std::unique_ptr<HookProcess>> start(const conf::Options& options);

    /// The SOCK_SEQPACKET end of lictor; belongs to this object.
    int socket() const { return process_->socket(); }
    const HookSetup& setup() const { return setup_; }
    /// A warning for the log (CAP_NET_ADMIN cannot be kept); empty: none.
    const std::string& warning() const { return process_->warning(); }

private:
    HookSetup setup_;
    std::unique_ptr<HelperProcess> process_;
};

/// Sends the runner each change of leader and logs what the programs write. Used on the control thread only. If the runner's process ends,
/// that is logged and counted, and no program runs until lictor is restarted.
class HookRunner {
public:
    /// `process` is not null. Logs its warning and the programs that this user cannot run. `loop` and `counters` must outlive this object.
    HookRunner(loop::Loop& loop, std::unique_ptr<HookProcess> process, metrics::ControlCounters& counters);
    /// Runs the programs for a new leader, now or after the run under way; changes in between are merged (HookQueue). A withdrawal runs
    /// nothing. Does not block.
    void run_for(const failover::LeaderChange& change);

private:
    void run_next();
    void on_readable();
    void on_end(const HookEnd& end);
    void on_runner_gone();

    std::unique_ptr<HookProcess> process_;
    metrics::ControlCounters& counters_;
    failover::HookQueue queue_;
    loop::FdWatch watch_;
    bool alive_ = true;
};

}  // namespace lictor::hooks
