// Keeps the Catalog true: runs the blocking queries (services on demand, nodes, one recursive read per leader scope, the agent's
// settings), turns bodies into facts, feeds the leader fusion and hands out each new Catalog. Lives on the control thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "conf/base/random.hpp"
#include "conf/metrics.hpp"
#include "conf/options.hpp"
#include "watch/catalog.hpp"
#include "watch/host_table.hpp"
#include "watch/http.hpp"
#include "watch/loop/loop.hpp"
#include "watch/snapshot.hpp"
#include "watch/watch_report.hpp"

namespace lictor {

class Watcher {
public:
    struct Hooks {
        /// A newer Catalog. Called on the control thread, at most once per turn of facts; the caller does the withdraw-then-publish.
        std::function<void(std::shared_ptr<const Catalog>)> publish;
        /// Resolve a host name from Consul's data; the answer comes by `on_host`. Repeated calls for the same name are wanted (refresh).
        std::function<void(const std::string& host)> resolve;
        Http::Resolve resolve_consul;
    };
    Watcher(Loop& loop, const Options& options, ControlCounters& counters, Random& random, Hooks hooks);
    ~Watcher();

    /// Publishes the first Catalog (leaders loading, nothing known) and starts what is configured to be watched from the start.
    void start();
    /// A worker was asked for something that is not known, or is waiting for it.
    void want(const Need& need);
    /// What `resolve` found. `ok` false: could not be resolved now (what was known stays).
    void on_host(const std::string& host, HostAnswer answer);
    /// Takes over a new configuration. Like `stop` never from inside a hook.
    void adopt(const Options& options);
    void stop();

    /// What was known before a restart; before `start`.
    void remember(std::shared_ptr<const Snapshot> snapshot);
    /// What is known now; nothing while contact is lost, or before the first reads are done.
    std::optional<Snapshot> snapshot() const;

    std::shared_ptr<const Catalog> catalog() const;
    std::vector<WatchReport> reports() const;
    bool first_sync_done() const;
    /// Wall-clock second of the last good reply, 0 = never.
    std::int64_t last_contact() const;
    /// The Consul address in use, for people.
    std::string consul_address() const;
    /// Why the agent's own word could not be read the last time; empty if it could.
    std::string consul_failure() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace lictor
