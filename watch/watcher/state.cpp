// Implements Watcher::State: applies the options, judges contact with Consul, publishes Catalogs, and runs the tick of 250 ms.
#include "watch/watcher/state.hpp"

#include <algorithm>
#include <new>
#include <utility>

#include "conf/base/ascii.hpp"
#include "conf/base/printable.hpp"
#include "conf/log/log.hpp"
#include "conf/values/leader_name.hpp"

namespace lictor::watcher {
namespace {

constexpr milliseconds tick_every{250};
constexpr Now retry_one_every = milliseconds(500), retry_one_for = seconds(30);
/// Least time between two Catalogs unless a change is urgent. It limits the number of Views.
constexpr Now publish_interval_min = milliseconds(2);
constexpr milliseconds publish_again_after{100};  // without memory
constexpr std::size_t node_tables_max = 16;
/// Seconds without a query after which the nodes of a datacenter that does not exist are dropped.
constexpr Now missing_datacenter_idle = seconds(5);
/// Maximum number of discovered scopes. Each scope occupies two connections of the agent.
constexpr std::size_t discovered_max = 32;

}  // namespace

// ---- start and end

void Watcher::State::start_tick() {
    if (!tick.active()) tick.repeat(tick_every);
}

Watcher::State::Running& Watcher::State::ensure_running() {
    if (running) return *running;
    running = std::make_unique<Running>(*this);
    start_tick();
    if (saved) {
        running->agent.use_saved(saved->settings);
        running->services.use_saved(saved->services);
    }
    running->agent.merge();
    running->agent.start();
    return *running;
}

void Watcher::State::end_running() {
    running.reset();
    hosts.clear();
    builder.clear();
}

// ---- leader scopes and locks

void Watcher::State::configure() {
    // If an address of Consul is configured, the agent's settings are read at once, because the agent's domain can differ from `consul`.
    // The default address is contacted only when a query first needs Consul, unless `leader` or `consul-watch` is set.
    const bool configured =
        std::any_of(options.consul_http_addr.begin(), options.consul_http_addr.end(), [](const auto& one) { return !one.assumed; });
    if (!configured && options.leader.empty() && options.consul_watch.empty() && !running) return;
    ensure_running();
    running->discovery.reset();
    configure_scopes();
    configure_locks();
    pin_services();
    running->services.each([this](const queries::ServiceWatch& watch) {
        const auto& entry = *watch.entry();
        if (entry.datacenter.empty() && entry.state == catalog::FactState::known) running->discovery.on_service(entry);
    });
}

void Watcher::State::configure_scopes() {
    auto& scopes = running->scopes;
    const auto stays = [this](const std::unique_ptr<queries::ScopeWatch>& scope) {
        const auto covers = [&](const conf::LeaderRule& rule) {
            return scope->discovered() ? rule.key.empty() && conf::service_of(rule) == scope->service() : rule == scope->rule();
        };
        const bool covered = std::any_of(options.leader.begin(), options.leader.end(), covers);
        return scope->discovered() ? !covered && options.consul_dns_compat == conf::ConsulCompat::fixed : covered;
    };
    for (const auto& scope : scopes)
        if (!stays(scope)) builder.drop_leader(scope->service());
    std::erase_if(scopes, [&](const auto& scope) { return !stays(scope); });
    for (const auto& scope : scopes) scope->judge_again();
    for (const auto& rule : options.leader) {
        const bool known = std::any_of(scopes.begin(), scopes.end(), [&](const auto& scope) { return rule == scope->rule(); });
        if (known || !rule.key.empty()) continue;
        auto scope = std::make_unique<queries::ScopeWatch>(running->context, rule, leader::Origin::configured);
        restore(*scope);
        scope->start();
        if (const auto entry = running->services.find(scope->service())) scope->on_service(*entry);
        scopes.push_back(std::move(scope));
    }
}

void Watcher::State::configure_locks() {
    auto& locks = running->locks;
    const auto stays = [this](const std::unique_ptr<queries::LockWatch>& lock) {
        return std::any_of(options.leader.begin(), options.leader.end(),
                           [&](const conf::LeaderRule& rule) { return rule == lock->rule(); });
    };
    for (const auto& lock : locks)
        if (!stays(lock)) builder.drop_leader(lock->entry().service);
    std::erase_if(locks, [&](const auto& lock) { return !stays(lock); });
    for (const auto& rule : options.leader) {
        const bool known = std::any_of(locks.begin(), locks.end(), [&](const auto& lock) { return rule == lock->rule(); });
        if (known || rule.key.empty()) continue;
        locks.push_back(std::make_unique<queries::LockWatch>(running->context, rule));
        locks.back()->start();
    }
}

void Watcher::State::pin_services() {
    std::set<std::string> pinned;
    for (const auto& name : options.consul_watch) pinned.insert(lower_case(name));
    for (const auto& scope : running->scopes) pinned.insert(scope->service());
    running->services.pin(pinned);
}

bool Watcher::State::is_followed(const std::string& service) const {
    return std::any_of(running->scopes.begin(), running->scopes.end(), [&](const auto& scope) { return scope->service() == service; });
}

bool Watcher::State::has_room(std::size_t additional) const {
    const auto discovered =
        std::count_if(running->scopes.begin(), running->scopes.end(), [](const auto& scope) { return scope->discovered(); });
    return static_cast<std::size_t>(discovered) + additional < discovered_max;
}

void Watcher::State::follow(conf::LeaderRule rule) {
    auto scope = std::make_unique<queries::ScopeWatch>(running->context, std::move(rule), leader::Origin::discovered);
    restore(*scope);
    scope->start();
    if (const auto entry = running->services.find(scope->service())) scope->on_service(*entry);
    running->scopes.push_back(std::move(scope));
    pin_services();
}

void Watcher::State::tick_leaders(Now now) {
    for (const auto& scope : running->scopes) scope->on_tick(now);
    for (const auto& lock : running->locks) lock->on_tick(now);
    // A discovered scope that has neither keys nor instances is removed.
    const auto gone = [](const std::unique_ptr<queries::ScopeWatch>& scope) {
        return scope->discovered() && scope->verdict().state == catalog::LeaderState::gone;
    };
    if (std::any_of(running->scopes.begin(), running->scopes.end(), gone)) {
        for (const auto& scope : running->scopes)
            if (gone(scope)) builder.drop_leader(scope->service());
        std::erase_if(running->scopes, gone);
        pin_services();
    }
    running->discovery.on_tick(now, [this](const std::string& service) { return running->services.find(service); });
}

void Watcher::State::restore(queries::ScopeWatch& scope) const {
    const auto& rule = scope.rule();
    for (const auto& leader : saved_leaders) {
        if (leader.scope != rule.scope || leader.name_space != rule.name_space || leader.service != scope.service()) continue;
        const Moment at = loop::Loop::moment();
        const auto age = at.unix_seconds - saved_contact;
        // age < 0: the clock was set back, so the age is unknown.
        if (age >= 0 && age < leader.ttl) scope.keep_saved(leader.facts, at.now + seconds(leader.ttl - age));
    }
}

std::optional<std::string> Watcher::State::saved_namespace(const std::string& scope, const std::string& service) const {
    for (const auto& leader : saved_leaders)
        if (leader.scope == scope && leader.service == service) return leader.name_space;
    return std::nullopt;
}

// ---- events of the watches

void Watcher::State::exchanged(polling::ContactOutcome outcome) {
    if (!running) return;
    auto& contact = running->contact;
    const bool was_reachable = contact.reachable();
    if (outcome == polling::ContactOutcome::good) {
        last_contact = loop::Loop::moment().unix_seconds;
        counters.consul_last_contact.set(static_cast<std::uint64_t>(last_contact));
        saved.reset();
    }
    counters.consul_connected.set(outcome == polling::ContactOutcome::good ? 1 : 0);
    const bool opened = contact.on_exchange(outcome, options.consul_http_addr.size(), loop::Loop::now());
    if (opened) on_gate_opened();
    if (was_reachable && !contact.reachable() && !contact.open()) {
        // The warning follows when contact counts as lost (log_lost); an agent that restarts is back before.
        if (last_contact != 0) log::info("consul cannot be reached " + failure());
        running->services.park_queued();
        each_watch([](queries::BlockingQuery& watch) { watch.on_gate_shut("Consul cannot be reached"); });
    }
    if (outcome == polling::ContactOutcome::unreachable || outcome == polling::ContactOutcome::broken) running->agent.read_soon();
}

void Watcher::State::on_first_agent_read() {
    auto& contact = running->contact;
    if (contact.open() || !contact.reachable()) return;
    contact.open_without_answer();
    on_gate_opened();
}

void Watcher::State::on_gate_opened() {
    each_watch([](queries::BlockingQuery& watch) { watch.on_gate_opened(); });
    running->services.start_queued();
}

/// Called while the agent can be reached. Every 500 ms, the failing watch whose last request is the oldest sends one at once and does not
/// wait for the end of its pause, so that the end of a fault is noticed within a second. While others work, and after large replies, a
/// watch has this only in its first half minute: what fails for longer may never work, for instance a service that the token may not read.
void Watcher::State::retry_one() {
    if (loop::Loop::now() < retry_one_at) return;
    retry_one_at = loop::Loop::now() + retry_one_every;
    queries::BlockingQuery* next = nullptr;
    each_watch([this, &next](queries::BlockingQuery& watch) {
        if (!watch.can_retry()) return;
        const bool bounded = !running->contact.lost() || watch.fails_at_a_cost();
        if (bounded && watch.failing_for(loop::Loop::now(), retry_one_for)) return;
        if (!next || watch.sent_at() < next->sent_at()) next = &watch;
    });
    if (next) next->retry_now();
}

void Watcher::State::service_changed(const catalog::ServiceEntry& entry) {
    if (!running || !entry.datacenter.empty()) return;
    for (const auto& scope : running->scopes)
        if (scope->service() == entry.name) scope->on_service(entry);
    running->discovery.on_service(entry);
}

// ---- publishing

bool Watcher::State::gives_way() {
    agent_reached = agent_reached || (running && running->agent.reached());
    if (agent_reached || !consul_enabled() || !running || !running->agent.first_read_done()) return false;
    return std::all_of(options.consul_http_addr.begin(), options.consul_http_addr.end(), [](const auto& one) { return one.assumed; });
}

std::string Watcher::State::failure() const {
    std::string text = "address=" + printable(running->http.current());
    if (!running->agent.why().empty()) text += " why=\"" + quotable(running->agent.why(), 200) + "\"";
    if (!running->agent.remedy().empty()) text += "; remedy: " + std::string(running->agent.remedy());
    return text;
}

void Watcher::State::log_lost() const {
    if (last_contact != 0) log::warning("contact with consul lost: the last known answers are given " + failure());
    else log::warning("no contact with consul since the start: names of Consul are not answered from memory " + failure());
}

void Watcher::State::judge_contact(Now now) {
    catalog::CatalogBuilder::Flags flags{.consul_on = consul_enabled(), .reachable = true};
    const bool way = gives_way();
    if (way && !gave_way)
        log::warning("no consul agent answers at " + printable(running->http.current()) + " (" + one_line(running->agent.why(), 200) +
                     "), and Consul is not configured: names below " + printable(builder.last()->settings->domains.front()) +
                     " are forwarded until an agent answers (consul-http-addr= switches Consul off)");
    if (gave_way && agent_reached)
        log::info("consul agent found at " + printable(running->http.current()) + ": its names are answered from memory");
    gave_way = way;
    if (running) {
        polling::WatchCounts counts = running->services.counts();
        const auto add = [&counts](const queries::BlockingQuery& watch) {
            if (watch.failing()) ++counts.failing;
            else if (watch.last_good()) ++counts.fine;
        };
        for (const auto& scope : running->scopes) add(*scope);
        for (const auto& lock : running->locks) add(*lock);
        for (const auto& [name, nodes] : running->nodes)
            if (name.empty()) add(*nodes);
        if (counts.failing + counts.fine == 0 && running->agent.failing()) ++counts.failing;
        auto& contact = running->contact;
        if (contact.judge_lost(counts, now)) {
            if (contact.lost()) log_lost();
            else log::info("contact with consul is back");
            running->agent.read_soon();
            if (!contact.lost()) each_watch([](queries::BlockingQuery& watch) { watch.retry_now(); });
        }
        flags.reachable = contact.reachable();
        flags.contact_lost = contact.lost();
        flags.contact_lost_at = contact.lost_since().value_or(Now{});
        flags.expired = contact.lost() && options.consul_max_stale > seconds(0) && now - *contact.lost_since() > options.consul_max_stale;
    }
    if (way) flags = {.consul_on = false, .reachable = false};
    builder.put_flags(flags);
}

void Watcher::State::require_hosts() {
    if (!running) return;
    std::set<std::string> names;
    const auto add = [&names](const catalog::HostText& host) {
        if (!host.empty() && !host.ip) names.insert(lower_case(host.text));
    };
    for (const auto& scope : running->scopes) {
        // The verdict has the leader and the members; only the entry has the replicas.
        add(scope->verdict().host);
        add(scope->verdict().node_address);
        for (const auto& member : scope->verdict().members) add(member.host);
        if (!scope->entry().replica_set) continue;
        for (const auto& replica : scope->entry().replica_set->replicas) {
            add(replica.host);
            add(replica.node_address);
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

void Watcher::State::publish_changes() {
    if (!started || stopped) return;
    const Now now = loop::Loop::now();
    judge_contact(now);
    if (!builder.changed() && !unpublished) return;
    const bool urgent = builder.urgent();
    if (urgent || now - published_at >= publish_interval_min) publish();
    if (urgent) {
        require_hosts();
        resolve_due(now);
    }
    if ((builder.changed() || unpublished) && !publish_timer.active())
        publish_timer.start(std::max(published_at + publish_interval_min - now, Now(0)));
}

void Watcher::State::publish() {
    publish_timer.stop();
    if (!builder.changed() && !unpublished) return;
    published_at = loop::Loop::now();
    unpublished = true;
    try {
        const auto next = builder.changed() ? builder.take() : builder.last();
        if (hooks.publish) hooks.publish(next);
        unpublished = false;
    } catch (const std::bad_alloc&) {
        loop::note_lack_of_memory();
        publish_timer.start(publish_again_after);
    }
}

// ---- tick

void Watcher::State::on_tick() {
    const Now now = loop::Loop::now();
    if (running) {
        running->services.on_tick(now);
        tick_nodes(now);
        tick_leaders(now);
        if (running->contact.open()) retry_one();
    }
    resolve_due(now);
    publish_changes();
    if (!running && hosts.size() == 0) tick.stop();
}

void Watcher::State::tick_nodes(Now now) {
    auto& nodes = running->nodes;
    for (auto at = nodes.begin(); at != nodes.end();) {
        auto& watch = *at->second;
        watch.on_tick(now);
        const auto idle_seconds = now / seconds(1) - watch.asked();
        const bool no_datacenter = watch.table()->state == catalog::FactState::failed && watch.table()->no_datacenter;
        if (no_datacenter ? seconds(idle_seconds) > missing_datacenter_idle
                          : seconds(idle_seconds) > options.consul_watch_idle && !running->contact.lost())
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

void Watcher::State::request_nodes(const std::string& datacenter, Now now) {
    auto& nodes = ensure_running().nodes;
    const auto found = nodes.find(datacenter);
    if (found != nodes.end() && !found->second->ended()) return found->second->touch(now);
    if (found == nodes.end() && nodes.size() >= node_tables_max) {
        counters.wants_dropped.add();
        return;
    }
    nodes.erase(datacenter);
    auto watch = std::make_unique<queries::NodesWatch>(running->context, datacenter);
    watch->touch(now);
    auto& made = *watch;
    nodes.emplace(datacenter, std::move(watch));
    made.start();
}

}  // namespace lictor::watcher
