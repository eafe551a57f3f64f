// Keeps the Catalog up to date: runs the watches (services and nodes on demand, leader scopes, locks, the agent's settings) and publishes a
// new Catalog after each change. Used on the control thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "conf/base/random.hpp"
#include "conf/metrics/metrics_fwd.hpp"
#include "conf/options/options_fwd.hpp"
#include "watch/catalog/catalog.hpp"
#include "watch/catalog/host_table.hpp"
#include "watch/catalog/snapshot.hpp"
#include "watch/http/http.hpp"
#include "watch/loop/loop.hpp"
#include "watch/polling/watch_report.hpp"

namespace lictor::watcher {

/// `loop`, `counters` and `random` must outlive it. Destroying it ends all watches.
class Watcher {
public:
    struct Hooks {
        /// A new Catalog, at most one per reply or tick. The receiver does the two-phase publish.
        std::function<void(std::shared_ptr<const catalog::Catalog>)> publish;
        /// Resolve a host name of Consul's data; the answer comes by `on_host`. Called again for each refresh.
        std::function<void(const std::string& host)> resolve;
        http::Http::Resolve resolve_consul;  ///< for consul-http-addr and the members' api_url
        http::KeptFiles files{};             ///< token and TLS files that only root may read
    };
    Watcher(loop::Loop& loop, const conf::WatchOptions& options, metrics::ControlCounters& counters, Random& random, Hooks hooks);
    ~Watcher();

    /// Publishes the first Catalog (leaders loading, no facts) and starts the configured watches.
    void start();
    /// A worker needs a fact, or holds a query for it. Ignored before `start`, after `stop` and without Consul.
    void request(const catalog::Need& need);
    /// The answer to `resolve`; a family that is nullopt could not be resolved, and its last known addresses stay.
    void on_host(const std::string& host, catalog::HostAnswer answer);
    /// A new configuration. Other Consul addresses or another datacenter restart all watches. Not from inside a hook.
    void adopt(const conf::WatchOptions& options);
    /// Ends all watches and publishes nothing any more. Not from inside a hook.
    void stop();

    /// The facts from before a restart. Call before `start`.
    void use_snapshot(std::shared_ptr<const catalog::Snapshot> snapshot);
    /// The present facts; nothing while contact is lost, and before `first_sync_done`.
    std::optional<catalog::Snapshot> snapshot() const;

    /// The state of each running watch; empty without Consul.
    std::vector<polling::WatchReport> reports() const;
    /// The agent's settings, the leader scopes, the locks and the services of consul-watch were read; also true without Consul,
    /// false before `start`.
    bool first_sync_done() const;
    /// Unix second of the last good reply; 0 = never.
    std::int64_t last_contact() const;
    /// The Consul address in use, as configured; empty without Consul.
    std::string consul_address() const;
    /// Why the last read of agent/self failed, or else one of the reads that `first_sync_done` waits for; empty if none did. Printable.
    std::string consul_failure() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace lictor::watcher
