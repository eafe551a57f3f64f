// All workers together. The control thread starts, wakes and ends them here, and reads their counters and upstreams as one report. A worker
// that hangs is detected and blocks nothing. Used on the control thread only.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "conf/options/options_fwd.hpp"
#include "resolver/documents/status.hpp"
#include "resolver/workers/mailbox.hpp"
#include "resolver/workers/worker.hpp"

namespace lictor::workers {

/// Empty until `start`. The destructor stops and joins the workers, and blocks if one hangs.
class WorkerPool {
public:
    struct Setup {
        std::vector<std::vector<net::BoundSocket>> sockets;          ///< per worker
        std::shared_ptr<net::PacketDump> dump;                       ///< null: no dumpfile
        std::shared_ptr<net::Dnstap> tap;                            ///< null: no dnstap
        std::shared_ptr<budget::Budget> memory;                      ///< shared by the workers; null: no bound
        std::size_t descriptors = 1024;                              ///< limit of open files of this process
        std::function<void(std::vector<forward::TableRow>)> listed;  ///< result of `list_cache`; called on each worker's thread
    };

    /// Starts one worker per row of sockets, and the thread of the dump. Call once; the pool must not move afterwards. `mailbox` and
    /// `board` must outlive the pool. `options`: port, threads, max-tcp-connections, the last divided among the workers.
    void start(Setup setup, const conf::Options& options, const ViewBoard& board, Mailbox& mailbox);
    /// Wakes every worker; twice a second for the heartbeats, and after each new View.
    void wake();
    /// Removes cache entries at or below `suffix`, all if empty. `order`: see Worker::flush; each worker's result comes by the mailbox.
    void flush(const std::optional<wire::Name>& suffix = {}, std::uint64_t order = 0);
    /// How each worker would answer; the results come by the mailbox.
    void explain(const wire::Name& name, std::uint16_t type, std::uint64_t order);
    /// Gives up to `rows_max` rows of each worker's cache to `listed`.
    void list_cache(std::size_t rows_max);
    /// `added`: one row per worker. Sockets whose endpoint is not in `keep` are closed.
    void rebind(std::vector<std::vector<net::BoundSocket>> added, const std::vector<Endpoint>& keep);
    /// Begins the end of every worker (Worker::stop); does not wait.
    void stop();
    /// True if every worker has ended, and for an empty pool.
    bool all_ended() const;
    /// Joins the workers that have ended; once, at the end. False: one hangs, and the pool must not be destroyed.
    bool join();

    std::size_t size() const { return workers_.size(); }
    /// The generation that each running worker has taken.
    std::vector<std::uint64_t> generations_seen() const;
    /// Counters, heartbeats (age in seconds, by `status.now`), health (a heartbeat within 2 s) and upstreams, summed up over the workers.
    /// `status.workers` points into this object.
    void report(documents::Status& status) const;
    /// What the workers' queries have seen of the upstreams, summed up.
    std::vector<forward::UpstreamReport> upstream_reports() const;
    /// Whether every worker's loop ran within the last two seconds. Any thread that may call `report`.
    bool healthy(Now now) const;
    /// Adds what the workers use of memory-max.
    void add_memory(budget::Report& report) const;
    /// The sums that the history stores.
    documents::HistorySample history_sample() const;

private:
    std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace lictor::workers
