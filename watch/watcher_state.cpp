// How the parts of the Watcher tell one another: gates and contact, what is handed out and when, what comes with time.
#include "watch/watcher_state.hpp"

#include <algorithm>
#include <utility>

#include "conf/log.hpp"

namespace lictor {
namespace {

constexpr milliseconds tick_every{250};
constexpr Now retry_one_every = milliseconds(500);
constexpr Now publish_apart = milliseconds(2);       // for what is not urgent: a flood of names must not become a flood of Views
constexpr std::size_t node_tables_max = 16;
constexpr Now no_datacenter_for = seconds(5);

std::string lower(std::string text) {
    for (auto& c : text)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return text;
}

}  // namespace

// ---- life

void Watcher::State::tick_on() {
    if (!tick.active()) tick.repeat(tick_every);
}

Watcher::State::Running& Watcher::State::run() {
    if (running) return *running;
    running = std::make_unique<Running>(*this);
    tick_on();
    running->agent.merge();
    running->agent.start();
    return *running;
}

void Watcher::State::end_running() {
    running.reset();
    hosts.clear();
    builder.clear();
}

// ---- what watches tell

void Watcher::State::exchanged(ContactOutcome outcome) {
    if (!running) return;
    auto& contact = running->contact;
    const bool was_reachable = contact.reachable();
    if (outcome == ContactOutcome::good) {
        last_contact = Loop::moment().unix_seconds;
        counters.consul_last_contact.set(static_cast<std::uint64_t>(last_contact));
    }
    counters.consul_connected.set(outcome == ContactOutcome::good ? 1 : 0);
    const bool opened = contact.on_exchange(outcome, options.consul_http_addr.size(), Loop::now());
    if (opened) open_gate();
    if (was_reachable && !contact.reachable() && !contact.open()) {
        log::warning("consul cannot be reached address=" + log::printable(running->http.current()));
        running->services.park_queued();
        each_watch([](BlockingWatch& watch) { watch.gate_shut("Consul cannot be reached"); });
    }
    if (outcome == ContactOutcome::unreachable || outcome == ContactOutcome::broken) running->agent.soon();
}

void Watcher::State::agent_first_done() {
    auto& contact = running->contact;
    if (contact.open() || !contact.reachable()) return;
    contact.open_anyway();
    open_gate();
}

void Watcher::State::open_gate() {
    each_watch([](BlockingWatch& watch) { watch.gate_opened(); });
    running->services.start_queued();
}

/// While contact is lost though somebody answers (an agent without servers), one watch at a time goes on trying, without its pause.
void Watcher::State::retry_one() {
    if (Loop::now() < retry_one_at) return;
    retry_one_at = Loop::now() + retry_one_every;
    bool done = false;
    each_watch([&done](BlockingWatch& watch) {
        if (done || !watch.failing() || watch.in_flight()) return;
        watch.retry_now();
        done = true;
    });
}

void Watcher::State::service_changed(const ServiceEntry& entry) {
    if (!running || !entry.datacenter.empty()) return;
    for (const auto& scope : running->scopes)
        if (scope->service() == entry.name) scope->on_service(entry);
    running->discovery.on_service(entry);
}

// ---- what is handed out

void Watcher::State::judge_contact(Now now) {
    CatalogBuilder::Flags flags{.consul_on = on(), .reachable = true};
    if (running) {
        WatchTally tally;
        running->services.tally(tally);
        const auto add = [&tally](const BlockingWatch& watch) {
            if (watch.failing()) ++tally.failing;
            else if (watch.last_good()) ++tally.fine;
        };
        for (const auto& scope : running->scopes) add(*scope);
        for (const auto& lock : running->locks) add(*lock);
        for (const auto& [name, nodes] : running->nodes)
            if (name.empty()) add(*nodes);
        if (tally.failing + tally.fine == 0 && running->agent.failing()) ++tally.failing;
        auto& contact = running->contact;
        if (contact.judge_lost(tally, now)) {
            if (contact.lost()) log::warning("contact with consul lost: last known answers are given");
            else log::info("contact with consul is back");
            running->agent.soon();
            if (!contact.lost()) each_watch([](BlockingWatch& watch) { watch.retry_now(); });
        }
        flags.reachable = contact.reachable();
        flags.contact_lost = contact.lost();
        flags.expired = contact.lost() && options.consul_max_stale > seconds(0) && now - *contact.lost_since() > options.consul_max_stale;
    }
    builder.put_flags(flags);
}

void Watcher::State::require_hosts() {
    if (!running) return;
    std::set<std::string> names;
    const auto add = [&names](const HostText& host) {
        if (!host.empty() && !host.ip) names.insert(lower(host.text));
    };
    for (const auto& scope : running->scopes) {
        add(scope->verdict().host);
        add(scope->verdict().node_address);
        for (const auto& member : scope->verdict().members) add(member.host);
        if (!scope->entry().replicas) continue;
        for (const auto& seat : scope->entry().replicas->seats) {
            add(seat.host);
            add(seat.node_address);
        }
    }
    for (const auto& lock : running->locks) {
        add(lock->entry().host);
        add(lock->entry().node_address);
    }
    hosts.require(std::move(names));
}

void Watcher::State::resolve_due(Now now) {
    const auto names = hosts.due(now);
    if (hosts.refused() != hosts_refused) counters.wants_dropped.add(hosts.refused() - std::exchange(hosts_refused, hosts.refused()));
    if (!hooks.resolve) return;
    for (const auto& name : names) hooks.resolve(name);
}

void Watcher::State::settle() {
    if (!started || stopped) return;
    const Now now = Loop::now();
    judge_contact(now);
    if (!builder.changed()) return;
    const bool urgent = builder.urgent();
    if (urgent || now - published_at >= publish_apart) publish();
    if (urgent) {
        require_hosts();
        resolve_due(now);
    }
    if (builder.changed() && !publish_later.active()) publish_later.start(std::max(published_at + publish_apart - now, Now(0)));
}

void Watcher::State::publish() {
    publish_later.stop();
    if (!builder.changed()) return;
    published_at = Loop::now();
    const auto next = builder.take();
    if (hooks.publish) hooks.publish(next);
}

// ---- time

void Watcher::State::on_tick() {
    const Now now = Loop::now();
    if (running) {
        running->services.tick(now);
        look_at_nodes(now);
        look_at_scopes(now);
        if (running->contact.lost() && running->contact.open()) retry_one();
    }
    resolve_due(now);
    settle();
    if (!running && hosts.size() == 0) tick.stop();
}

void Watcher::State::look_at_nodes(Now now) {
    auto& nodes = running->nodes;
    for (auto at = nodes.begin(); at != nodes.end();) {
        auto& watch = *at->second;
        watch.look(now);
        const auto unasked = now / seconds(1) - watch.asked();
        const bool nowhere = watch.table()->state == FactState::failed && watch.table()->no_datacenter;
        if (nowhere ? seconds(unasked) > no_datacenter_for : seconds(unasked) > options.consul_watch_idle && !running->contact.lost())
            watch.end();
        if (watch.ended() && !watch.in_flight()) {
            builder.drop_nodes(at->first);
            at = nodes.erase(at);
        } else {
            ++at;
        }
    }
}

// ---- needs

void Watcher::State::want_nodes(const std::string& datacenter, Now now) {
    auto& nodes = run().nodes;
    const auto found = nodes.find(datacenter);
    if (found != nodes.end() && !found->second->ended()) return found->second->touch(now);
    if (found == nodes.end() && nodes.size() >= node_tables_max) {
        counters.wants_dropped.add();
        return;
    }
    nodes.erase(datacenter);
    auto watch = std::make_unique<NodesWatch>(running->context, datacenter);
    watch->touch(now);
    auto& made = *watch;
    nodes.emplace(datacenter, std::move(watch));
    made.start();
}

}  // namespace lictor
