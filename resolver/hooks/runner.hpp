// The operator's programs (leader-exec) and the process that runs them. It is started first, while lictor has neither sockets nor threads,
// becomes the same user as lictor, and may keep CAP_NET_ADMIN, which lictor drops. What it may run is fixed then; requests carry only
// variables.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "conf/base/result.hpp"
#include "conf/metrics/metrics_fwd.hpp"
#include "conf/options/options_fwd.hpp"
#include "resolver/failover/hook_queue.hpp"
#include "resolver/hooks/run_hooks.hpp"
#include "watch/loop/loop.hpp"

namespace lictor::hooks {

/// The process of the runner and the control thread's end of its socket.
class HookProcess {
public:
    /// Null if no program is configured. Forks; call before there is a thread, a loop or a socket. Waits until the runner has become its
    /// user. An error if `user` or `group` is unknown or the process cannot be made.
    static Result<std::unique_ptr<HookProcess>> start(const conf::Options& options);
    ~HookProcess();  ///< closes the socket, which ends the runner; waits for it, 600 ms at most
    HookProcess(const HookProcess&) = delete;
    HookProcess& operator=(const HookProcess&) = delete;

    /// The SOCK_SEQPACKET end of lictor; belongs to this object.
    int socket() const { return socket_; }
    const HookSetup& setup() const { return setup_; }
    /// A warning for the log (CAP_NET_ADMIN cannot be kept); empty: none.
    const std::string& warning() const { return warning_; }

private:
    HookProcess() = default;
    int socket_ = -1;
    int pid_ = -1;
    HookSetup setup_;
    std::string warning_;
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
