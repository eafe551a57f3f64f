// Implements the public functions of the Watcher. Its parts are created when Consul is first needed, and destroyed when Consul is switched
// off.
#include "watch/watcher/watcher.hpp"

#include <algorithm>
#include <utility>

#include "conf/base/printable.hpp"
#include "watch/watcher/state.hpp"

namespace lictor::watcher {
namespace {

/// True if addresses and datacenter are the same, so that the watches continue. (A cancelled wait occupies a connection of the agent until
/// it ends.)
bool same_consul(const conf::WatchOptions& a, const conf::WatchOptions& b) {
    const auto same = [](const conf::ConsulAddress& x, const conf::ConsulAddress& y) {
        return x.url == y.url && x.unix_path == y.unix_path;
    };
    return std::equal(a.consul_http_addr.begin(), a.consul_http_addr.end(), b.consul_http_addr.begin(), b.consul_http_addr.end(), same) &&
           a.consul_datacenter == b.consul_datacenter;
}

}  // namespace

Watcher::Watcher(loop::Loop& loop, const conf::WatchOptions& options, metrics::ControlCounters& counters, Random& random, Hooks hooks)
    : state_(std::make_unique<State>(loop, options, counters, random, std::move(hooks))) {}

Watcher::~Watcher() = default;

void Watcher::start() {
    auto& self = *state_;
    self.started = true;
    self.builder.put_settings(queries::settings_from(catalog::ConsulSettings{}, self.options));
    if (self.consul_enabled()) self.configure();
    self.judge_contact(loop::Loop::now());
    self.publish();
    self.require_hosts();
}

void Watcher::request(const catalog::Need& need) {
    auto& self = *state_;
    if (!self.started || !self.consul_enabled()) return;
    const Now now = loop::Loop::now();
    switch (need.kind) {
        case catalog::Need::Kind::service: self.ensure_running().services.request(need.name, need.datacenter, now); break;
        case catalog::Need::Kind::nodes: self.request_nodes(need.datacenter, now); break;
        case catalog::Need::Kind::leader:  // a scope is watched from the start
            if (self.running)
                for (const auto& scope : self.running->scopes)
                    if (scope->service() == need.name) scope->on_query_held();
            break;
        case catalog::Need::Kind::host:
            self.start_tick();
            if (self.hosts.request(need.name, now) && self.hooks.resolve) self.hooks.resolve(need.name);
            break;
    }
    self.publish_changes();
}

void Watcher::on_host(const std::string& host, catalog::HostAnswer answer) {
    auto& self = *state_;
    if (self.stopped) return;
    if (answer.any()) self.counters.hosts_resolved.add();
    self.hosts.on_host(host, std::move(answer));
    self.publish_changes();
}

void Watcher::adopt(const conf::WatchOptions& options) {
    auto& self = *state_;
    const bool same = same_consul(self.options, options);
    self.options = options;
    if (!self.started || self.stopped) return;
    if (!self.consul_enabled()) {
        self.end_running();
        self.builder.put_settings(queries::settings_from(catalog::ConsulSettings{}, options));
    } else {
        if (self.running) {
            self.running->http.adopt(options);
            self.running->agent.merge();
            if (!same) {
                self.running->services.clear_queue();
                self.each_watch([](queries::BlockingQuery& watch) { watch.restart(); });
            }
            self.running->agent.read_soon();
        } else {
            self.builder.put_settings(queries::settings_from(catalog::ConsulSettings{}, options));
        }
        self.configure();
    }
    self.publish_changes();
}

void Watcher::stop() {
    auto& self = *state_;
    self.stopped = true;
    self.tick.stop();
    self.publish_timer.stop();
    self.running.reset();
}

bool Watcher::first_sync_done() const {
    const auto& self = *state_;
    if (!self.started) return false;
    if (!self.running) return true;
    return self.last_contact != 0 && self.running->agent.first_read_done() && self.running->services.pinned_known() &&
           std::all_of(self.running->scopes.begin(), self.running->scopes.end(),
                       [](const auto& scope) { return scope->verdict().state != catalog::LeaderState::loading; }) &&
           std::all_of(self.running->locks.begin(), self.running->locks.end(),
                       [](const auto& lock) { return lock->entry().state != catalog::LeaderState::loading; });
}

std::int64_t Watcher::last_contact() const { return state_->last_contact; }

std::string Watcher::consul_failure() const {
    const auto* running = state_->running.get();
    if (!running) return {};
    if (!running->agent.why().empty()) return running->agent.why();
    const auto failing = [](const auto& watch) { return watch->verdict().state == catalog::LeaderState::loading && !watch->why().empty(); };
    for (const auto& scope : running->scopes)
        if (failing(scope)) return "leader " + printable(scope->rule().scope) + ": " + scope->why();
    for (const auto& lock : running->locks)
        if (failing(lock)) return "leader " + printable(lock->rule().scope) + ": " + lock->why();
    return {};
}

std::string Watcher::consul_address() const { return state_->running ? state_->running->http.current() : std::string(); }

void Watcher::use_snapshot(std::shared_ptr<const catalog::Snapshot> snapshot) {
    state_->saved_leaders = snapshot->leaders;
    state_->saved_contact = snapshot->contact_unix;
    state_->saved = std::move(snapshot);
}

std::optional<catalog::Snapshot> Watcher::snapshot() const {
    const auto& self = *state_;
    if (!self.running || !first_sync_done() || self.running->contact.lost()) return std::nullopt;
    catalog::Snapshot snapshot;
    snapshot.contact_unix = self.last_contact;
    if (const auto& settings = self.running->agent.settings()) snapshot.settings = *settings;
    for (const auto& [key, entry] : *self.builder.last()->services) {
        if (snapshot.services.size() == catalog::snapshot_services_max) break;
        if (entry->state == catalog::FactState::known && !entry->instances.empty()) snapshot.services.push_back(entry);
    }
    for (const auto& scope : self.running->scopes) {
        const auto& verdict = scope->verdict();
        if (verdict.state != catalog::LeaderState::led || scope->unconfirmed()) continue;
        catalog::SavedLeader leader{scope->rule().scope, scope->rule().name_space, scope->service(), {}, scope->ttl()};
        leader.facts.exists = true;
        leader.facts.leader = verdict.member;
        for (const auto& row : verdict.members) leader.facts.members.emplace(row.name, row);
        snapshot.leaders.push_back(std::move(leader));
    }
    return snapshot;
}

std::vector<polling::WatchReport> Watcher::reports() const {
    std::vector<polling::WatchReport> rows;
    const auto* running = state_->running.get();
    if (!running) return rows;
    const Now now = loop::Loop::now();
    const auto age = [now](const std::optional<Now>& at) { return at ? std::chrono::duration<double>(now - *at).count() : -1.0; };
    const auto common = [&](polling::WatchReport row, const queries::BlockingQuery& watch) {
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
        polling::WatchReport row{
            .kind = "leader", .name = scope->service(), .datacenter = {}, .state = lictor::leader::word(scope->verdict().state), .why = {}};
        row.instances = scope->verdict().members.size();
        row.stale = scope->unconfirmed();
        common(std::move(row), *scope);
    }
    for (const auto& lock : running->locks) {
        const auto& entry = lock->entry();
        polling::WatchReport row{
            .kind = "leader", .name = entry.service, .datacenter = {}, .state = lictor::leader::word(entry.state), .why = {}};
        row.stale = lock->unconfirmed();
        common(std::move(row), *lock);
    }
    running->services.each([&](const queries::ServiceWatch& watch) {
        const auto& entry = *watch.entry();
        polling::WatchReport row{
            .kind = "service", .name = entry.name, .datacenter = entry.datacenter, .state = catalog::word(entry.state), .why = entry.why};
        row.instances = entry.instances.size();
        row.stale = entry.stale;
        row.asked_seconds = asked(watch.asked());
        common(std::move(row), watch);
    });
    for (const auto& [name, nodes] : running->nodes) {
        const auto& table = *nodes->table();
        polling::WatchReport row{.kind = "nodes", .name = {}, .datacenter = name, .state = catalog::word(table.state), .why = table.why};
        row.instances = table.in_order.size();
        row.stale = table.stale;
        row.asked_seconds = asked(nodes->asked());
        common(std::move(row), *nodes);
    }
    const auto& agent = running->agent;
    polling::WatchReport row{.kind = "agent",
                             .name = running->http.current(),
                             .datacenter = {},
                             .state = agent.failing() ? "failed" : "known",
                             .why = agent.why()};
    row.replies = agent.replies();
    row.errors = agent.errors();
    row.age_seconds = age(agent.last_good());
    rows.push_back(std::move(row));
    return rows;
}

}  // namespace lictor::watcher
