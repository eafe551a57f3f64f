// A Watcher on a real loop with a fake Consul beside it, and every Catalog that it published.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/loop/watch_fake.hpp"
#include "tests/loop/watch_ground.hpp"
#include "watch/watcher.hpp"

namespace lictor {

struct Scene : Ground {
    fake::Consul consul;
    ControlCounters counters;
    Random random{{1, 2, 3, 4, 5, 6, 7, 8}};
    Options options = consul_options(consul.url());
    std::vector<std::shared_ptr<const Catalog>> published;
    Now published_at{};
    std::vector<std::string> resolved;
    Http::Resolve resolve_consul;
    std::unique_ptr<Timer> held_timer;  ///< for a resolve that answers later
    std::shared_ptr<const Snapshot> snapshot;  ///< for the next start
    std::unique_ptr<Watcher> watcher;

    Scene() { consul.set("/v1/agent/self", {.body = fake::agent_self}); }
    ~Scene() {
        watcher.reset();
        consul.stop();
    }

    void start() {
        watcher = std::make_unique<Watcher>(loop, options, counters, random,
                                            Watcher::Hooks{[this](std::shared_ptr<const Catalog> catalog) {
                                                               published_at = Loop::now();
                                                               published.push_back(std::move(catalog));
                                                           },
                                                           [this](const std::string& host) { resolved.push_back(host); }, resolve_consul});
        if (snapshot) watcher->remember(snapshot);
        watcher->start();
    }
    const Catalog& now() const { return *published.back(); }
    std::shared_ptr<const ServiceEntry> service(const std::string& name, const std::string& datacenter = {}) const {
        const auto at = now().services->find(service_key(name, datacenter));
        return at == now().services->end() ? nullptr : at->second;
    }
    std::shared_ptr<const LeaderEntry> leader(const std::string& name) const {
        const auto at = now().leaders->find(name);
        return at == now().leaders->end() ? nullptr : at->second;
    }
    void want(const std::string& name, const std::string& datacenter = {}) { watcher->want({Need::Kind::service, name, datacenter}); }
    bool known(const std::string& name, std::size_t instances, milliseconds within = milliseconds(3000)) {
        return until([&] {
            const auto entry = service(name);
            return entry && entry->state == FactState::known && entry->instances.size() == instances;
        }, within);
    }
    bool comes_to(FactState state, const std::string& name, const std::string& datacenter = {}) {
        return until([&] {
            const auto entry = service(name, datacenter);
            return entry && entry->state == state;
        });
    }
    void register_service(const std::string& name, std::uint64_t index, std::size_t instances) {
        std::string body = "[";
        for (std::size_t i = 0; i < instances; ++i)
            body += (i ? "," : "") + fake::instance(name, name + std::to_string(i), "n" + std::to_string(i), "10.0.0." + std::to_string(i % 250 + 1), 80);
        consul.set("/v1/health/service/" + name, {.index = index, .body = body + "]"});
    }
};

}  // namespace lictor
