// Puts the parts together: what is asked for becomes a watch, what a watch learns becomes the next Catalog. Nothing of Consul is made
// before the first need; all of it is thrown away when Consul is switched off.
#include "watch/watcher.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "conf/log.hpp"
#include "watch/agent_watch.hpp"
#include "watch/blocking_watch.hpp"
#include "watch/host_table.hpp"
#include "watch/nodes_watch.hpp"
#include "watch/scope_watch.hpp"
#include "watch/service_table.hpp"

namespace lictor {
namespace {

constexpr milliseconds tick_every{250};
constexpr Now publish_apart = milliseconds(2);       // for what is not urgent: a flood of names must not become a flood of Views
constexpr std::size_t node_tables_max = 16;
constexpr Now no_datacenter_for = seconds(5);

std::string lower(std::string text) {
    for (auto& c : text)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return text;
}

bool same_rule(const LeaderRule& a, const LeaderRule& b) {
    return a.scope == b.scope && a.name_space == b.name_space && a.service == b.service && a.key == b.key && a.port == b.port &&
           a.source == b.source;
}

bool same_way(const Options& a, const Options& b) {
    const auto same = [](const ConsulAddress& x, const ConsulAddress& y) { return x.url == y.url && x.unix_path == y.unix_path; };
    return std::equal(a.consul_http_addr.begin(), a.consul_http_addr.end(), b.consul_http_addr.begin(), b.consul_http_addr.end(), same) &&
           a.consul_datacenter == b.consul_datacenter && a.consul_consistency == b.consul_consistency;
}

const char* word(FactState state) {
    switch (state) {
        case FactState::loading: return "loading";
        case FactState::known: return "known";
        case FactState::failed: return "failed";
        case FactState::delegated: return "delegated";
    }
    return "unknown";
}

}  // namespace

struct Watcher::State {
    /// All that talks to Consul. The members are gone in the opposite order: watches before what they use.
    struct Running {
        Http http;
        Background background;
        Contact contact;
        WatchContext context;
        AgentWatch agent;
        ServiceTable services;
        std::map<std::string, std::unique_ptr<NodesWatch>> nodes;
        std::vector<std::unique_ptr<ScopeWatch>> scopes;

        explicit Running(State& state)
            : http(state.loop, state.options, state.counters, state.hooks.resolve_consul), background(state.loop),
              context{state.loop, state.counters, state.random, http, background, contact, state.builder, state.options,
                      [&state](ContactOutcome outcome) { state.exchanged(outcome); }, [&state] { state.settle(); }},
              agent(context, [&state] { state.agent_first_done(); }),
              services(context, [&state](const ServiceEntry& entry) { state.service_changed(entry); }) {}
    };

    Loop& loop;
    Options options;
    ControlCounters& counters;
    Random& random;
    Hooks hooks;
    CatalogBuilder builder;
    HostTable hosts;
    std::unique_ptr<Running> running;
    Timer tick, publish_later;
    bool started = false, stopped = false;
    Now published_at{};
    std::int64_t last_contact = 0;
    std::uint64_t hosts_refused = 0;

    State(Loop& on, const Options& given, ControlCounters& counts, Random& bits, Hooks told)
        : loop(on), options(given), counters(counts), random(bits), hooks(std::move(told)), hosts(builder),
          tick(on, [this] { on_tick(); }), publish_later(on, [this] { publish(); }) {}

    bool on() const { return !options.consul_http_addr.empty() && !stopped; }

    // ---- life

    Running& run() {
        if (running) return *running;
        running = std::make_unique<Running>(*this);
        tick.repeat(tick_every);
        running->agent.merge();
        running->agent.start();
        return *running;
    }

    void configure() {
        std::set<std::string> pinned;
        for (const auto& name : options.consul_watch) pinned.insert(lower(name));
        // A Consul that somebody named is asked for its settings at once (its domain may not be `consul`); the assumed one only when
        // something in its domain is asked for.
        const bool named = std::any_of(options.consul_http_addr.begin(), options.consul_http_addr.end(), [](const auto& one) { return !one.assumed; });
        if (!named && options.leader.empty() && pinned.empty() && !running) return;
        auto& now_running = run();
        auto& scopes = now_running.scopes;
        scopes.erase(std::remove_if(scopes.begin(), scopes.end(),
                                    [this](const std::unique_ptr<ScopeWatch>& scope) {
                                        const bool stays = std::any_of(options.leader.begin(), options.leader.end(), [&](const LeaderRule& rule) {
                                            return same_rule(rule, scope->rule());
                                        });
                                        if (!stays) builder.drop_leader(scope->service());
                                        return !stays;
                                    }),
                     scopes.end());
        for (const auto& rule : options.leader) {
            const bool known = std::any_of(scopes.begin(), scopes.end(), [&](const auto& scope) { return same_rule(rule, scope->rule()); });
            if (known) continue;
            auto scope = std::make_unique<ScopeWatch>(now_running.context, rule);
            // The keys of a plain lock are not Patroni's: there is nothing below them to read.
            if (rule.key.empty()) scope->start();
            if (const auto entry = now_running.services.find(scope->service())) scope->on_service(*entry);
            scopes.push_back(std::move(scope));
        }
        for (const auto& scope : scopes)
            if (scope->rule().key.empty()) pinned.insert(scope->service());
        now_running.services.pin(pinned);
    }

    void end_running() {
        running.reset();
        builder.clear();
    }

    // ---- what watches tell

    void exchanged(ContactOutcome outcome) {
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
            for (const auto& scope : running->scopes) scope->gate_shut("Consul cannot be reached");
            running->services.gate_shut("Consul cannot be reached");
            for (const auto& [name, nodes] : running->nodes) nodes->gate_shut("Consul cannot be reached");
        }
        if (outcome == ContactOutcome::unreachable || outcome == ContactOutcome::broken) running->agent.soon();
    }

    void agent_first_done() {
        auto& contact = running->contact;
        if (contact.open() || !contact.reachable()) return;
        contact.open_anyway();
        open_gate();
    }

    /// Leaders first: theirs is the news that somebody waits for.
    void open_gate() {
        for (const auto& scope : running->scopes) scope->gate_opened();
        running->services.gate_opened();
        for (const auto& [name, nodes] : running->nodes) nodes->gate_opened();
    }

    void service_changed(const ServiceEntry& entry) {
        if (!running || !entry.datacenter.empty()) return;
        for (const auto& scope : running->scopes)
            if (scope->service() == entry.name) scope->on_service(entry);
    }

    // ---- what is handed out

    void judge_contact(Now now) {
        CatalogBuilder::Flags flags{.consul_on = on(), .reachable = true};
        if (running) {
            WatchTally tally;
            running->services.tally(tally);
            const auto add = [&tally](const BlockingWatch& watch) {
                if (watch.failing()) ++tally.failing;
                else if (watch.last_good()) ++tally.fine;
            };
            for (const auto& scope : running->scopes) add(*scope);
            for (const auto& [name, nodes] : running->nodes)
                if (name.empty()) add(*nodes);
            if (tally.failing + tally.fine == 0 && running->agent.failing()) ++tally.failing;
            auto& contact = running->contact;
            if (contact.judge_lost(tally, now)) {
                if (contact.lost()) log::warning("contact with consul lost: last known answers are given");
                else log::info("contact with consul is back");
                running->agent.soon();
            }
            flags.reachable = contact.reachable();
            flags.contact_lost = contact.lost();
            flags.expired = contact.lost() && options.consul_max_stale > seconds(0) && now - *contact.lost_since() > options.consul_max_stale;
        }
        builder.put_flags(flags);
    }

    void require_hosts() {
        if (!running) return;
        std::set<std::string> names;
        const auto add = [&names](const HostText& host) {
            if (!host.empty() && !host.ip) names.insert(lower(host.text));
        };
        for (const auto& scope : running->scopes) {
            add(scope->verdict().host);
            add(scope->verdict().node_address);
            for (const auto& member : scope->verdict().members) add(member.host);
        }
        hosts.require(std::move(names));
    }

    void resolve_due(Now now) {
        const auto names = hosts.due(now);
        if (hosts.refused() != hosts_refused) counters.wants_dropped.add(hosts.refused() - std::exchange(hosts_refused, hosts.refused()));
        if (!hooks.resolve) return;
        for (const auto& name : names) hooks.resolve(name);
    }

    void settle() {
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

    void publish() {
        publish_later.stop();
        if (!builder.changed()) return;
        published_at = Loop::now();
        const auto next = builder.take();
        if (hooks.publish) hooks.publish(next);
    }

    // ---- time

    void on_tick() {
        const Now now = Loop::now();
        if (running) {
            running->services.tick(now);
            look_at_nodes(now);
            for (const auto& scope : running->scopes) scope->look(now);
        }
        resolve_due(now);
        settle();
        if (!running && hosts.size() == 0) tick.stop();
    }

    void look_at_nodes(Now now) {
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

    void want_nodes(const std::string& datacenter, Now now) {
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
};

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
        case Need::Kind::leader: break;  // watched from the start, or not at all
        case Need::Kind::host:
            if (!self.tick.active()) self.tick.repeat(tick_every);
            if (self.hosts.want(need.name, now) && self.hooks.resolve) self.hooks.resolve(need.name);
            break;
    }
    self.settle();
}

void Watcher::on_host(const std::string& host, std::vector<Address> v4, std::vector<Address> v6, bool ok) {
    auto& self = *state_;
    if (self.stopped) return;
    if (ok) self.counters.hosts_resolved.add();
    self.hosts.on_host(host, std::move(v4), std::move(v6), ok, Loop::now());
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
                for (const auto& scope : self.running->scopes)
                    if (scope->rule().key.empty()) scope->restart();
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
        row.stale = scope->failing();
        common(std::move(row), *scope);
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

bool Watcher::first_sync_done() const {
    const auto& self = *state_;
    if (!self.started) return false;
    if (!self.running) return true;
    return self.running->agent.first_done() && self.running->services.pinned_known() &&
           std::all_of(self.running->scopes.begin(), self.running->scopes.end(),
                       [](const auto& scope) { return scope->verdict().state != LeaderState::loading; });
}

std::int64_t Watcher::last_contact() const { return state_->last_contact; }

std::string Watcher::consul_address() const { return state_->running ? state_->running->http.current() : std::string(); }

}  // namespace lictor
