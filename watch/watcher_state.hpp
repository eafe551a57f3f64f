// The inside of the Watcher: its parts, how they tell one another, and when a Catalog is handed out. For watcher*.cpp alone.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "watch/agent_watch.hpp"
#include "watch/background.hpp"
#include "watch/blocking_watch.hpp"
#include "watch/discovery.hpp"
#include "watch/host_table.hpp"
#include "watch/lock_watch.hpp"
#include "watch/nodes_watch.hpp"
#include "watch/scope_watch.hpp"
#include "watch/service_table.hpp"
#include "watch/watcher.hpp"

namespace lictor {

struct Watcher::State {
    /// All that talks to Consul. The members are gone in the opposite order: watches before what they use.
    struct Running {
        Http http;
        Rest rest;
        Background background;
        Contact contact;
        Waits waits{Loop::now()};
        WatchContext context;
        AgentWatch agent;
        ServiceTable services;
        std::map<std::string, std::unique_ptr<NodesWatch>> nodes;
        std::vector<std::unique_ptr<ScopeWatch>> scopes;
        std::vector<std::unique_ptr<LockWatch>> locks;
        Discovery discovery;

        explicit Running(State& state)
            : http(state.loop, state.options, state.counters, state.hooks.resolve_consul), rest(state.loop, state.hooks.resolve_consul),
              background(state.loop), context{state.loop, state.counters, state.random, http, rest, background, contact, waits, state.builder, state.options,
                      [&state](ContactOutcome outcome) { state.exchanged(outcome); }, [&state] { state.settle(); }},
              agent(context, [&state] { state.agent_first_done(); }),
              services(context, [&state](const ServiceEntry& entry) { state.service_changed(entry); }),
              discovery(context, {[&state](const std::string& service) { return state.is_followed(service); },
                                  [&state](std::size_t coming) { return state.has_room(coming); }, [&state](LeaderRule rule) { state.follow(std::move(rule)); },
                                  [&state](const std::string& scope, const std::string& service) { return state.remembered_namespace(scope, service); }}) {}
    };

    Loop& loop;
    Options options;
    ControlCounters& counters;
    Random& random;
    Hooks hooks;
    CatalogBuilder builder;
    HostTable hosts;
    std::unique_ptr<Running> running;
    std::shared_ptr<const Snapshot> remembered;  ///< from before the start, until the agent's first good word
    /// Of it, for longer: an agent may speak while its servers, who have the keys, are away. Patroni's ttl bounds what they are good for.
    std::vector<RememberedLeader> remembered_leaders;
    std::int64_t remembered_at = 0;  ///< Unix seconds of Consul's last word in it
    Timer tick, publish_later;
    bool started = false, stopped = false;
    Now published_at{}, retry_one_at{};
    std::int64_t last_contact = 0;
    std::uint64_t hosts_refused = 0;

    State(Loop& on, const Options& given, ControlCounters& counts, Random& bits, Hooks told)
        : loop(on), options(given), counters(counts), random(bits), hooks(std::move(told)), hosts(builder),
          tick(on, [this] { on_tick(); }), publish_later(on, [this] { publish(); }) {}

    bool on() const { return !options.consul_http_addr.empty() && !stopped; }
    void tick_on();

    // ---- life
    Running& run();
    void configure();
    void configure_scopes();
    void configure_locks();
    /// Services that are watched whether somebody asks or not.
    void pin_services();
    void end_running();

    // ---- scopes that were found
    bool is_followed(const std::string& service) const;
    bool has_room(std::size_t coming) const;
    void follow(LeaderRule rule);
    void look_at_scopes(Now now);

    // ---- what watches tell
    void exchanged(ContactOutcome outcome);
    void agent_first_done();
    /// Tells a scope what is remembered of it.
    void remind(ScopeWatch& scope) const;
    /// Where the keys of a scope that led are remembered to be.
    std::optional<std::string> remembered_namespace(const std::string& scope, const std::string& service) const;
    /// Leaders first: theirs is the news that somebody waits for.
    void open_gate();
    void service_changed(const ServiceEntry& entry);
    /// All blocking queries, leaders' first.
    template <class Visit>
    void each_watch(Visit visit) {
        for (const auto& scope : running->scopes) visit(static_cast<BlockingWatch&>(*scope));
        for (const auto& lock : running->locks) visit(static_cast<BlockingWatch&>(*lock));
        running->services.each([&visit](ServiceWatch& watch) { visit(static_cast<BlockingWatch&>(watch)); });
        for (const auto& [name, nodes] : running->nodes) visit(static_cast<BlockingWatch&>(*nodes));
    }
    void retry_one();

    // ---- what is handed out
    void judge_contact(Now now);
    void require_hosts();
    void resolve_due(Now now);
    void settle();
    void publish();

    // ---- time
    void on_tick();
    void look_at_nodes(Now now);

    // ---- needs
    void want_nodes(const std::string& datacenter, Now now);
};

}  // namespace lictor
