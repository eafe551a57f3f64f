// What the Watcher watches, as rows for people.
#include "watch/watcher_state.hpp"

namespace lictor {

std::vector<WatchReport> Watcher::reports() const {
    std::vector<WatchReport> rows;
    const auto* running = state_->running.get();
    if (!running) return rows;
    const Now now = Loop::now();
    const auto age = [now](const std::optional<Now>& at) { return at ? std::chrono::duration<double>(now - *at).count() : -1.0; };
    const auto common = [&](WatchReport row, const BlockingWatch& watch) {
        row.index = watch.index();
        row.replies = watch.replies();
        row.changes = watch.changes();
        row.errors = watch.errors();
        row.age_seconds = age(watch.last_good());
        if (row.why.empty()) row.why = watch.why();
        rows.push_back(std::move(row));
    };
    const auto asked = [now](std::int64_t second) { return second == 0 ? -1.0 : static_cast<double>(now / seconds(1) - second); };
    for (const auto& scope : running->scopes) {
        WatchReport row{.kind = "leader", .name = scope->service(), .datacenter = {}, .state = lictor::word(scope->verdict().state), .why = {}};
        row.instances = scope->verdict().members.size();
        row.stale = scope->unconfirmed();
        common(std::move(row), *scope);
    }
    for (const auto& lock : running->locks) {
        const auto& entry = lock->entry();
        WatchReport row{.kind = "leader", .name = entry.service, .datacenter = {}, .state = lictor::word(entry.state), .why = {}};
        row.stale = lock->unconfirmed();
        common(std::move(row), *lock);
    }
    running->services.each([&](const ServiceWatch& watch) {
        const auto& entry = *watch.entry();
        WatchReport row{.kind = "service", .name = entry.name, .datacenter = entry.datacenter, .state = word(entry.state), .why = entry.why};
        row.instances = entry.instances.size();
        row.stale = entry.stale;
        row.asked_seconds = asked(watch.asked());
        common(std::move(row), watch);
    });
    for (const auto& [name, nodes] : running->nodes) {
        const auto& table = *nodes->table();
        WatchReport row{.kind = "nodes", .name = {}, .datacenter = name, .state = word(table.state), .why = table.why};
        row.instances = table.in_order.size();
        row.stale = table.stale;
        row.asked_seconds = asked(nodes->asked());
        common(std::move(row), *nodes);
    }
    const auto& agent = running->agent;
    WatchReport row{.kind = "agent", .name = running->http.current(), .datacenter = {}, .state = agent.failing() ? "failed" : "known", .why = agent.why()};
    row.replies = agent.replies();
    row.errors = agent.errors();
    row.age_seconds = age(agent.last_good());
    rows.push_back(std::move(row));
    return rows;
}

}  // namespace lictor
