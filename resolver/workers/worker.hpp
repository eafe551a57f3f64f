// One worker of the data plane: a thread with its own loop, sockets, cache, waiting table and counters. It takes a new View before the next
// batch and performs what its Resolver decides.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "conf/metrics/metrics.hpp"
#include "resolver/core/resolver.hpp"
#include "resolver/net/dnstap.hpp"
#include "resolver/net/listener.hpp"
#include "resolver/net/packet_dump.hpp"
#include "resolver/workers/mailbox.hpp"
#include "resolver/workers/view_board.hpp"
#include "watch/loop/guarded.hpp"
#include "watch/loop/loop.hpp"

namespace lictor::workers {

/// Not movable. The functions are grouped by the thread that may call them.
class Worker {
public:
    struct Setup {
        unsigned number = 0;                    ///< in the thread's name, `worker0` and so on
        std::vector<net::BoundSocket> sockets;  ///< of this worker only
        Random::Seed seed{};                    ///< for ids and ports, from the kernel
        Random::Seed cookie_secret{};           ///< the same for all workers, from the kernel
        net::TcpLimits tcp = {};
        std::shared_ptr<net::PacketDump> dump;   ///< null: no dumpfile
        std::shared_ptr<net::Dnstap> tap;        ///< null: no dnstap
        std::uint16_t port = 53;                 ///< our port in the dump and in dnstap
        std::size_t attempts_max = 4096;         ///< upstream sockets open at once
        std::shared_ptr<budget::Budget> memory;  ///< null: no bound
        // All functions are called on the worker's thread and must not block. Only `others` may be empty.
        std::function<void(const catalog::Need&)> request;           ///< a fact of Consul is needed
        std::function<void(const answer::Sampled&)> sampled;         ///< a client's query for the comparison (shadow)
        std::function<void(const Endpoint&)> loop_found;             ///< the upstream's loop probe came back
        std::function<core::Totals()> others;                        ///< the counters of the other workers
        std::function<void(std::vector<forward::TableRow>)> listed;  ///< result of `list_cache`
        std::function<void(OrderResult)> done;                       ///< result of `flush` and `explain`
        std::function<void()> seen;                                  ///< a newer View was taken, or the worker ended
    };
    /// Starts no thread. `board` must outlive this object.
    Worker(Setup setup, const ViewBoard& board);
    ~Worker();  ///< stops and joins if `join` was not called

    // ---- control thread
    /// Starts the thread; once, and before the functions below. All of its signals are blocked.
    void start();
    /// Lets the worker take a newer View, beat and perform its orders. Does not wait for it; not after `join`.
    void wake();
    /// Removes cache entries at or below `suffix`, all if empty. With an `order` other than 0 Setup::done gets the number of entries.
    void flush(std::optional<wire::Name> suffix, std::uint64_t order);
    /// Gives Resolver::explain to Setup::done.
    void explain(const wire::Name& name, std::uint16_t type, std::uint64_t order);
    /// Gives up to `rows_max` rows of the cache to Setup::listed.
    void list_cache(std::size_t rows_max);
    /// Serves `added`, closes sockets whose endpoint is not in `keep`.
    void rebind(std::vector<net::BoundSocket> added, std::vector<Endpoint> keep);
    /// Reads no more queries, answers those that wait, ends within 300 ms.
    void stop();
    /// Waits for the end of the thread; blocks as long as the worker hangs. Once, after `stop`.
    void join();

    // ---- any thread
    /// Generation of the View that the worker answers from; 0 before the first.
    std::uint64_t generation_seen() const { return seen_.load(std::memory_order_acquire); }
    const metrics::WorkerCounters& counters() const { return counters_; }
    /// A copy of the reports as of the last heartbeat.
    std::vector<forward::UpstreamReport> upstreams() const;
    /// Monotonic time of the last heartbeat; 0 before the first. Less than a second old if the loop runs: `wake` is called twice a second.
    Now last_beat() const { return Now(beat_.load(std::memory_order_relaxed)); }
    /// True once the thread calls nothing any more but `Setup::seen`: `join` returns soon.
    bool ended() const { return ended_.load(std::memory_order_acquire); }

private:
    struct Inside;
    /// Orders of the control thread since the worker was last woken.
    struct Orders {
        struct Flush {
            std::optional<wire::Name> suffix;
            std::uint64_t order = 0;
        };
        struct Explain {
            wire::Name name;
            std::uint16_t type = 0;
            std::uint64_t order = 0;
        };
        std::vector<Flush> flushes;
        std::vector<Explain> explains;
        std::vector<std::pair<std::vector<net::BoundSocket>, std::vector<Endpoint>>> rebinds;
        std::size_t rows_requested = 0;
    };
    void run();

    Setup setup_;
    const ViewBoard& board_;
    metrics::WorkerCounters counters_;
    std::atomic<std::uint64_t> seen_{0};
    std::atomic<std::int64_t> beat_{0};
    std::atomic<bool> ended_{false}, stopping_{false};
    loop::Guarded<Orders> orders_;
    loop::Guarded<std::vector<forward::UpstreamReport>> upstreams_;
    Inside* inside_ = nullptr;  ///< used on the worker's thread only
    std::unique_ptr<loop::Loop> loop_;
    std::unique_ptr<loop::Wake> wake_;
    std::thread thread_;
};

}  // namespace lictor::workers
