// The workers as one: started, woken, told and ended together by the control thread; their counters and upstreams in one report. A worker
// that hangs is seen here, and holds nobody up.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "conf/options.hpp"
#include "resolver/mailbox.hpp"
#include "resolver/status.hpp"
#include "resolver/worker.hpp"

namespace lictor {

class Crew {
public:
    struct Setup {
        std::vector<std::vector<BoundSocket>> sockets;  ///< per worker
        std::shared_ptr<PacketDump> dump;               ///< null: nothing is dumped
        std::size_t descriptors = 1024;                 ///< how many this process may have open
        std::function<void(std::vector<TableRow>)> listed;  ///< what `list_cache` found; on a worker's thread
    };

    /// Starts a worker for each row of sockets. `mailbox` and `board` outlive the crew.
    void start(Setup setup, const Options& options, const ViewBoard& board, Mailbox& mailbox);
    void wake();
    /// Forgets cache entries at or below `suffix`, everything if empty.
    void flush(const std::optional<Name>& suffix = {});
    /// At most `most` rows of each worker's cache go to `listed`.
    void list_cache(std::size_t most);
    /// `added`: per worker; endpoints not among `keep` are closed.
    void rebind(std::vector<std::vector<BoundSocket>> added, const std::vector<Endpoint>& keep);
    void stop();
    bool all_ended() const;
    /// Joins those that have ended. False: one hangs.
    bool join();

    std::size_t size() const { return workers_.size(); }
    /// Of the workers that run.
    std::vector<std::uint64_t> generations_seen() const;
    /// Counters, heartbeats, health and upstreams.
    void report(Status& status) const;

private:
    std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace lictor
