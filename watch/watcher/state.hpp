// The state of the Watcher: its parts, how they notify each other, and when a Catalog is published. Only watcher.cpp and state.cpp include
// this file.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "conf/metrics/metrics.hpp"
#include "conf/options/watch.hpp"
#include "watch/catalog/host_table.hpp"
#include "watch/loop/background_thread.hpp"
#include "watch/queries/agent_watch.hpp"
#include "watch/queries/blocking_watch.hpp"
#include "watch/queries/discovery.hpp"
#include "watch/queries/lock_watch.hpp"
#include "watch/queries/nodes_watch.hpp"
#include "watch/queries/scope_watch.hpp"
#include "watch/queries/service_table.hpp"
#include "watch/watcher/watcher.hpp"

namespace lictor::watcher {

struct Watcher::State {
    /// Everything that sends requests to Consul. Members are destroyed in reverse order: watches before what they use.
    struct Running {
        http::Http http;
        http::Rest rest;
        loop::Background background;
        polling::Contact contact;
        polling::Waits waits{loop::Loop::now()};
        queries::WatchContext context;
        queries::AgentWatch agent;
        queries::ServiceTable services;
        std::map<std::string, std::unique_ptr<queries::NodesWatch>> nodes;
        std::vector<std::unique_ptr<queries::ScopeWatch>> scopes;
        std::vector<std::unique_ptr<queries::LockWatch>> locks;
        queries::Discovery discovery;

        explicit Running(State& state)
            : http(state.loop, state.options, state.counters, state.hooks.resolve_consul, state.hooks.files),
              rest(state.loop, state.hooks.resolve_consul),
              background(state.loop),
              context{state.loop,
                      state.counters,
                      state.random,
                      http,
                      rest,
                      background,
                      contact,
                      waits,
                      state.builder,
                      state.options,
                      state.options,
                      state.options.leader_hold,
                      [&state](polling::ContactOutcome outcome) { state.exchanged(outcome); },
                      [&state] { state.publish_changes(); }},
              agent(context, [&state] { state.on_first_agent_read(); }),
              services(context, [&state](const catalog::ServiceEntry& entry) { state.service_changed(entry); }),
              discovery(context, {[&state](const std::string& service) { return state.is_followed(service); },
                                  [&state](std::size_t additional) { return state.has_room(additional); },
                                  [&state](conf::LeaderRule rule) { state.follow(std::move(rule)); },
                                  [&state](const std::string& scope, const std::string& service) {
                                      return state.saved_namespace(scope, service);
                                  }}) {}
    };

    loop::Loop& loop;
    conf::WatchOptions options;
    metrics::ControlCounters& counters;
    Random& random;
    Hooks hooks;
    catalog::CatalogBuilder builder;
    catalog::HostTable hosts;
    std::unique_ptr<Running> running;
    std::shared_ptr<const catalog::Snapshot> saved;  ///< facts from before the restart; null after the agent's first good reply
    /// The leaders in the snapshot, used until Patroni's ttl has passed. They are kept after the first good reply, because an agent can
    /// reply while the servers, which have the keys, are unreachable.
    std::vector<catalog::SavedLeader> saved_leaders;
    std::int64_t saved_contact = 0;  ///< Unix second of the last contact in the snapshot
    loop::Timer tick, publish_timer;
    bool started = false, stopped = false;
    bool agent_reached = false, gave_way = false;
    Now published_at{}, retry_one_at{};
    bool unpublished = false;  ///< a Catalog was made or due and could not be published for want of memory
    std::int64_t last_contact = 0;
    std::uint64_t hosts_refused = 0;

    State(loop::Loop& on, const conf::WatchOptions& given, metrics::ControlCounters& counts, Random& bits, Hooks hooked)
        : loop(on),
          options(given),
          counters(counts),
          random(bits),
          hooks(std::move(hooked)),
          hosts(builder),
          tick(on, [this] { on_tick(); }),
          publish_timer(on, [this] { publish(); }) {}

    /// True if Consul is configured and `stop` was not called.
    bool consul_enabled() const { return !options.consul_http_addr.empty() && !stopped; }
    /// True if the address is only assumed and no agent has answered there since the start: see catalog::gives_way.
    bool gives_way();
    /// Address, cause and remedy of the last failure, for the log.
    std::string failure() const;
    /// Logs that contact is lost, or that there was none since the start.
    void log_lost() const;
    /// Starts the tick of 250 ms. It stops by itself when nothing runs.
    void start_tick();

    // ---- start and end
    /// Makes the parts if they do not exist, and starts the read of agent/self.
    Running& ensure_running();
    /// Starts the scopes, locks and pinned services that the options name, and ends the others. If the address is the default one and
    /// neither `leader` nor `consul-watch` is set, nothing is started before the first need.
    void configure();
    void configure_scopes();
    void configure_locks();
    /// Sets the services that are always watched: consul-watch, and those of leader scopes.
    void pin_services();
    /// Ends all watches and drops their facts.
    void end_running();

    // ---- leader scopes and locks
    /// True if a scope with this service is followed.
    bool is_followed(const std::string& service) const;
    /// True if one more scope may be discovered, in addition to the discovered ones and to `additional` others.
    bool has_room(std::size_t additional) const;
    /// Starts a discovered scope.
    void follow(conf::LeaderRule rule);
    void tick_leaders(Now now);
    /// Gives a scope its facts from the snapshot.
    void restore(queries::ScopeWatch& scope) const;
    /// The namespace of a scope in the snapshot.
    std::optional<std::string> saved_namespace(const std::string& scope, const std::string& service) const;

    // ---- events of the watches
    /// Called after every exchange with Consul; opens or shuts the gate of Contact.
    void exchanged(polling::ContactOutcome outcome);
    /// The first read of agent/self has ended. The gate opens even if it failed, unless no address can be reached.
    void on_first_agent_read();
    /// The gate of Contact opened: parked watches send their requests, those of leaders first, because queries for leaders are held.
    void on_gate_opened();
    /// Passes the new instances of a service to its scope and to the discovery.
    void service_changed(const catalog::ServiceEntry& entry);
    /// All blocking queries, those of leaders first.
    template <class Visit>
    void each_watch(Visit visit) {
        for (const auto& scope : running->scopes) visit(*scope);
        for (const auto& lock : running->locks) visit(*lock);
        running->services.each([&visit](queries::ServiceWatch& watch) { visit(watch); });
        for (const auto& [name, nodes] : running->nodes) visit(*nodes);
    }
    void retry_one();

    // ---- publishing
    /// Judges whether contact is lost, and puts the flags of the Catalog into the builder.
    void judge_contact(Now now);
    /// Host names in the entries of leaders are resolved even without a query.
    void require_hosts();
    void resolve_due(Now now);
    /// Publishes a Catalog if facts have changed: leaders, settings and flags at once, other facts at most every 2 ms.
    void publish_changes();
    void publish();

    // ---- tick
    void on_tick();
    void tick_nodes(Now now);

    // ---- needs
    /// Watches the nodes of a datacenter. At most 16 datacenters are watched; the need for a further one is dropped and counted.
    void request_nodes(const std::string& datacenter, Now now);
};

}  // namespace lictor::watcher
