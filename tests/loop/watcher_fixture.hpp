// Runs a Watcher on a real loop with a fake Consul, and records every published Catalog.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "conf/metrics/metrics.hpp"
#include "tests/loop/loop_fixture.hpp"
#include "tests/loop/watch_fake.hpp"
#include "watch/watcher/watcher.hpp"

namespace lictor {

/// The fake Consul, which has /v1/agent/self, runs from the beginning; the Watcher runs after `start`. A test changes the options before.
struct WatcherFixture : LoopFixture {
    fake::Consul consul;
    metrics::ControlCounters counters;
    Random random{{1, 2, 3, 4, 5, 6, 7, 8}};
    conf::Options options = consul_options(consul.url());
    std::vector<std::shared_ptr<const catalog::Catalog>> published;
    Now published_at{};
    std::vector<std::string> resolved;
    http::Http::Resolve resolve_consul;
    std::unique_ptr<loop::Timer> held_timer;            ///< for the test of host names that are resolved later
    std::shared_ptr<const catalog::Snapshot> snapshot;  ///< for the next `start`
    std::unique_ptr<watcher::Watcher> watcher;

    WatcherFixture() { consul.set("/v1/agent/self", {.body = fake::agent_self}); }
    ~WatcherFixture() {
        watcher.reset();
        consul.stop();
    }

    void start() {
        watcher = std::make_unique<watcher::Watcher>(
            loop, options, counters, random,
            watcher::Watcher::Hooks{[this](std::shared_ptr<const catalog::Catalog> catalog) {
                                        published_at = loop::Loop::now();
                                        published.push_back(std::move(catalog));
                                    },
                                    [this](const std::string& host) { resolved.push_back(host); }, resolve_consul});
        if (snapshot) watcher->use_snapshot(snapshot);
        watcher->start();
    }
    /// The Catalog that was published last; there must be one.
    const catalog::Catalog& last_catalog() const { return *published.back(); }
    /// `service` and `leader`: the entry in the last Catalog; null if it has none.
    std::shared_ptr<const catalog::ServiceEntry> service(const std::string& name, const std::string& datacenter = {}) const {
        const auto at = last_catalog().services->find(catalog::service_key(name, datacenter));
        return at == last_catalog().services->end() ? nullptr : at->second;
    }
    std::shared_ptr<const catalog::LeaderEntry> leader(const std::string& name) const {
        const auto at = last_catalog().leaders->find(name);
        return at == last_catalog().leaders->end() ? nullptr : at->second;
    }
    /// A worker needs this service.
    void request(const std::string& name, const std::string& datacenter = {}) {
        watcher->request({catalog::Need::Kind::service, name, datacenter});
    }
    /// Runs the loop until the service is known with so many instances, or is in this state; false if that lasts too long.
    bool known(const std::string& name, std::size_t instances, milliseconds within = milliseconds(3000)) {
        return until(
            [&] {
                const auto entry = service(name);
                return entry && entry->state == catalog::FactState::known && entry->instances.size() == instances;
            },
            within);
    }
    bool reaches(catalog::FactState state, const std::string& name, const std::string& datacenter = {}) {
        return until([&] {
            const auto entry = service(name, datacenter);
            return entry && entry->state == state;
        });
    }
    /// Sets the reply for the service to this number of passing instances, with this index.
    void register_service(const std::string& name, std::uint64_t index, std::size_t instances) {
        std::string body = "[";
        for (std::size_t i = 0; i < instances; ++i)
            body += (i ? "," : "") +
                    fake::instance(name, name + std::to_string(i), "n" + std::to_string(i), "10.0.0." + std::to_string(i % 250 + 1), 80);
        consul.set("/v1/health/service/" + name, {.index = index, .body = body + "]"});
    }
};

}  // namespace lictor
