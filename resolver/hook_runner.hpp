// The operator's programs (leader-exec) and the process that runs them. It is started first of all, while lictor has neither sockets nor
// threads, becomes the same ordinary user as lictor itself, and may keep one capability (CAP_NET_ADMIN) that lictor gives up. What it may
// run is fixed by then; the control thread sends it only facts.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "conf/base/result.hpp"
#include "conf/metrics.hpp"
#include "conf/options.hpp"
#include "resolver/core/hook_queue.hpp"
#include "resolver/hook_wire.hpp"
#include "watch/loop/loop.hpp"

namespace lictor {

/// The runner's process and our end of its socket.
class HookProcess {
public:
    /// Nothing if no program is configured. Forks: only before there is a thread, a loop or a socket.
    static Result<std::unique_ptr<HookProcess>> start(const Options& options);
    ~HookProcess();  ///< closes the socket, by which the runner ends, and waits for it
    HookProcess(const HookProcess&) = delete;
    HookProcess& operator=(const HookProcess&) = delete;

    int socket() const { return socket_; }
    const HookSetup& setup() const { return setup_; }
    /// What did not go as asked (a capability that is not to be had), for the log.
    const std::string& trouble() const { return trouble_; }

private:
    HookProcess() = default;
    int socket_ = -1;
    int pid_ = -1;
    HookSetup setup_;
    std::string trouble_;
};

/// Control thread: tells the runner each change of leader, its output to the log.
class HookRunner {
public:
    HookRunner(Loop& loop, std::unique_ptr<HookProcess> process, ControlCounters& counters);
    void tell(const LeaderNews& news);

private:
    void run_next();
    void on_readable();
    void on_end(const HookEnd& end);
    void lost();

    std::unique_ptr<HookProcess> process_;
    ControlCounters& counters_;
    HookQueue queue_;
    FdWatch watch_;
    bool alive_ = true;
};

}  // namespace lictor
