// Puts the parts together: what is asked for becomes a watch, what a watch learns becomes the next Catalog. Nothing of Consul is made
// before the first need; all of it is thrown away when Consul is switched off.
#include "watch/watcher.hpp"

#include <algorithm>
#include <utility>

#include "watch/watcher_state.hpp"

namespace lictor {
namespace {

/// The same Consul: another consistency counts from the next request on, and what is dropped in mid-wait keeps its slot at the agent.
bool same_way(const Options& a, const Options& b) {
    const auto same = [](const ConsulAddress& x, const ConsulAddress& y) { return x.url == y.url && x.unix_path == y.unix_path; };
    return std::equal(a.consul_http_addr.begin(), a.consul_http_addr.end(), b.consul_http_addr.begin(), b.consul_http_addr.end(), same) &&
           a.consul_datacenter == b.consul_datacenter;
}

}  // namespace

Watcher::Watcher(Loop& loop, const Options& options, ControlCounters& counters, Random& random, Hooks hooks)
    : state_(std::make_unique<State>(loop, options, counters, random, std::move(hooks))) {}

Watcher::~Watcher() = default;

void Watcher::start() {
    auto& self = *state_;
    self.started = true;
    self.builder.put_settings(settings_from(ConsulSettings{}, self.options));
    if (self.on()) self.configure();
    self.judge_contact(Loop::now());
    self.publish();
    self.require_hosts();
}

void Watcher::want(const Need& need) {
    auto& self = *state_;
    if (!self.started || !self.on()) return;
    const Now now = Loop::now();
    switch (need.kind) {
        case Need::Kind::service: self.run().services.want(need.name, need.datacenter, now); break;
        case Need::Kind::nodes: self.want_nodes(need.datacenter, now); break;
        case Need::Kind::leader:  // watched from the start, or not at all
            if (self.running)
                for (const auto& scope : self.running->scopes)
                    if (scope->service() == need.name) scope->somebody_waits();
            break;
        case Need::Kind::host:
            self.tick_on();
            if (self.hosts.want(need.name, now) && self.hooks.resolve) self.hooks.resolve(need.name);
            break;
    }
    self.settle();
}

void Watcher::on_host(const std::string& host, HostAnswer answer) {
    auto& self = *state_;
    if (self.stopped) return;
    if (answer.any()) self.counters.hosts_resolved.add();
    self.hosts.on_host(host, std::move(answer));
    self.settle();
}

void Watcher::adopt(const Options& options) {
    auto& self = *state_;
    const bool same_way_as_before = same_way(self.options, options);
    self.options = options;
    if (!self.started || self.stopped) return;
    if (!self.on()) {
        self.end_running();
        self.builder.put_settings(settings_from(ConsulSettings{}, options));
    } else {
        if (self.running) {
            self.running->http.adopt(options);
            self.running->agent.merge();
            if (!same_way_as_before) {
                for (const auto& scope : self.running->scopes) scope->restart();
                for (const auto& lock : self.running->locks) lock->restart();
                self.running->services.restart();
                for (const auto& [name, nodes] : self.running->nodes) nodes->restart();
            }
            self.running->agent.soon();
        } else {
            self.builder.put_settings(settings_from(ConsulSettings{}, options));
        }
        self.configure();
    }
    self.settle();
}

void Watcher::stop() {
    auto& self = *state_;
    self.stopped = true;
    self.tick.stop();
    self.publish_later.stop();
    self.running.reset();
}

std::shared_ptr<const Catalog> Watcher::catalog() const { return state_->builder.last(); }

bool Watcher::first_sync_done() const {
    const auto& self = *state_;
    if (!self.started) return false;
    if (!self.running) return true;
    return self.last_contact != 0 && self.running->agent.first_done() && self.running->services.pinned_known() &&
           std::all_of(self.running->scopes.begin(), self.running->scopes.end(),
                       [](const auto& scope) { return scope->verdict().state != LeaderState::loading; }) &&
           std::all_of(self.running->locks.begin(), self.running->locks.end(),
                       [](const auto& lock) { return lock->entry().state != LeaderState::loading; });
}

std::int64_t Watcher::last_contact() const { return state_->last_contact; }

std::string Watcher::consul_failure() const { return state_->running ? state_->running->agent.why() : std::string(); }

std::string Watcher::consul_address() const { return state_->running ? state_->running->http.current() : std::string(); }

}  // namespace lictor
