// Which scopes and locks are followed: those of the configuration, and the Patroni scopes that were found by their registration.
#include <algorithm>
#include <utility>

#include "conf/leader_name.hpp"
#include "conf/line_syntax.hpp"
#include "conf/log.hpp"
#include "watch/watcher_state.hpp"

namespace lictor {
namespace {

/// Each costs the agent two connections.
constexpr std::size_t discovered_max = 32;

bool same_rule(const LeaderRule& a, const LeaderRule& b) {
    return a.scope == b.scope && a.name_space == b.name_space && a.service == b.service && a.key == b.key && a.port == b.port &&
           a.source == b.source;
}

}  // namespace

void Watcher::State::configure() {
    // A Consul that somebody named is asked for its settings at once (its domain may not be `consul`); the assumed one only when
    // something in its domain is asked for.
    const bool named = std::any_of(options.consul_http_addr.begin(), options.consul_http_addr.end(), [](const auto& one) { return !one.assumed; });
    if (!named && options.leader.empty() && options.consul_watch.empty() && !running) return;
    run();
    running->discovery.reset();
    configure_scopes();
    configure_locks();
    pin_services();
    running->services.each([this](const ServiceWatch& watch) {
        const auto& entry = *watch.entry();
        if (entry.datacenter.empty() && entry.state == FactState::known) running->discovery.on_service(entry);
    });
}

void Watcher::State::configure_scopes() {
    auto& scopes = running->scopes;
    const auto stays = [this](const std::unique_ptr<ScopeWatch>& scope) {
        const auto covers = [&](const LeaderRule& rule) {
            return scope->discovered() ? rule.key.empty() && service_of(rule) == scope->service() : same_rule(rule, scope->rule());
        };
        const bool covered = std::any_of(options.leader.begin(), options.leader.end(), covers);
        return scope->discovered() ? !covered && options.consul_dns_compat == ConsulCompat::fixed : covered;
    };
    for (const auto& scope : scopes)
        if (!stays(scope)) builder.drop_leader(scope->service());
    std::erase_if(scopes, [&](const auto& scope) { return !stays(scope); });
    for (const auto& scope : scopes) scope->judge_again();
    for (const auto& rule : options.leader) {
        const bool known = std::any_of(scopes.begin(), scopes.end(), [&](const auto& scope) { return same_rule(rule, scope->rule()); });
        if (known || !rule.key.empty()) continue;
        auto scope = std::make_unique<ScopeWatch>(running->context, rule);
        remind(*scope);
        scope->start();
        if (const auto entry = running->services.find(scope->service())) scope->on_service(*entry);
        scopes.push_back(std::move(scope));
    }
}

void Watcher::State::configure_locks() {
    auto& locks = running->locks;
    const auto stays = [this](const std::unique_ptr<LockWatch>& lock) {
        return std::any_of(options.leader.begin(), options.leader.end(), [&](const LeaderRule& rule) { return same_rule(rule, lock->rule()); });
    };
    for (const auto& lock : locks)
        if (!stays(lock)) builder.drop_leader(lock->entry().service);
    std::erase_if(locks, [&](const auto& lock) { return !stays(lock); });
    for (const auto& rule : options.leader) {
        const bool known = std::any_of(locks.begin(), locks.end(), [&](const auto& lock) { return same_rule(rule, lock->rule()); });
        if (known || rule.key.empty()) continue;
        locks.push_back(std::make_unique<LockWatch>(running->context, rule));
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

bool Watcher::State::has_room(std::size_t coming) const {
    const auto found = std::count_if(running->scopes.begin(), running->scopes.end(), [](const auto& scope) { return scope->discovered(); });
    return static_cast<std::size_t>(found) + coming < discovered_max;
}

void Watcher::State::follow(LeaderRule rule) {
    auto scope = std::make_unique<ScopeWatch>(running->context, std::move(rule), true);
    remind(*scope);
    scope->start();
    if (const auto entry = running->services.find(scope->service())) scope->on_service(*entry);
    running->scopes.push_back(std::move(scope));
    pin_services();
}

void Watcher::State::look_at_scopes(Now now) {
    for (const auto& scope : running->scopes) scope->look(now);
    for (const auto& lock : running->locks) lock->look(now);
    // A cluster that is gone, keys and instances: what was found is forgotten again.
    const auto gone = [](const std::unique_ptr<ScopeWatch>& scope) { return scope->discovered() && scope->verdict().state == LeaderState::gone; };
    if (std::any_of(running->scopes.begin(), running->scopes.end(), gone)) {
        for (const auto& scope : running->scopes)
            if (gone(scope)) builder.drop_leader(scope->service());
        std::erase_if(running->scopes, gone);
        pin_services();
    }
    running->discovery.look(now, [this](const std::string& service) { return running->services.find(service); });
}

}  // namespace lictor
