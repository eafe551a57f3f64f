// One worker of the data plane: a thread with its own loop, sockets, cache, waiting table and counters. Takes each new View before the
// next batch, performs what its Resolver decides, and tells the control thread only what it wants to know and how far it got.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "conf/metrics.hpp"
#include "resolver/core/resolver.hpp"
#include "resolver/listener.hpp"
#include "resolver/packet_dump.hpp"
#include "resolver/view_board.hpp"
#include "watch/loop/loop.hpp"

namespace lictor {

class Worker {
public:
    struct Setup {
        unsigned number = 0;
        std::vector<BoundSocket> sockets;
        Random::Seed seed{};
        TcpLimits tcp = {};
        std::shared_ptr<PacketDump> dump;             ///< null: nothing is dumped
        std::uint16_t port = 53;                      ///< listened on, for the dump
        std::size_t attempts_max = 4096;              ///< upstream sockets open at once
        std::function<void(const Need&)> want;        ///< called on the worker's thread
        std::function<void(const Sampled&)> sampled;      ///< called on the worker's thread
        std::function<void(const Endpoint&)> loop_found;  ///< called on the worker's thread
        std::function<Tally()> others;                ///< what the other workers counted; called on the worker's thread
        std::function<void(std::vector<TableRow>)> listed;   ///< the cache, as `list_cache` asked for it; called on the worker's thread
        std::function<void()> seen;                   ///< a newer View was taken over; called on the worker's thread
    };
    Worker(Setup setup, const ViewBoard& board);
    ~Worker();  ///< requires `join` first if started

    // ---- control thread
    void start();
    void wake();
    /// Forgets cache entries at or below `suffix`, everything if empty; counted in the worker's counters.
    void flush(std::optional<Name> suffix);
    /// Hands rows of its cache to Setup::listed.
    void list_cache(std::size_t rows_max);
    /// New sockets; endpoints not among `keep` are closed.
    void rebind(std::vector<BoundSocket> added, std::vector<Endpoint> keep);
    /// Stops taking questions, answers those that wait, ends within the bound.
    void stop();
    void join();

    // ---- any thread
    std::uint64_t generation_seen() const { return seen_.load(std::memory_order_acquire); }
    const WorkerCounters& counters() const { return counters_; }
    std::vector<UpstreamReport> upstreams() const;
    /// Monotonic time of the last `wake` that it followed, within half a second.
    Now last_beat() const { return Now(beat_.load(std::memory_order_relaxed)); }
    bool ended() const { return ended_.load(std::memory_order_acquire); }

private:
    struct Inside;
    void run();

    Setup setup_;
    const ViewBoard& board_;
    WorkerCounters counters_;
    std::atomic<std::uint64_t> seen_{0};
    std::atomic<std::int64_t> beat_{0};
    std::atomic<bool> ended_{false}, stopping_{false};
    mutable std::mutex mutex_;                        ///< guards what follows
    std::vector<std::optional<Name>> flushes_;
    std::vector<std::pair<std::vector<BoundSocket>, std::vector<Endpoint>>> rebinds_;
    std::vector<UpstreamReport> upstreams_;
    std::size_t rows_wanted_ = 0;
    Inside* inside_ = nullptr;                        ///< worker's thread only
    std::unique_ptr<Loop> loop_;
    std::unique_ptr<Wake> wake_;
    std::thread thread_;
};

}  // namespace lictor
