// What the Watcher takes over a restart, and gives.
#include <algorithm>

#include "watch/watcher_state.hpp"

namespace lictor {

void Watcher::remember(std::shared_ptr<const Snapshot> snapshot) {
    state_->remembered_leaders = snapshot->leaders;
    state_->remembered_at = snapshot->contact_unix;
    state_->remembered = std::move(snapshot);
}

void Watcher::State::remind(ScopeWatch& scope) const {
    const auto& rule = scope.rule();
    for (const auto& leader : remembered_leaders) {
        if (leader.scope != rule.scope || leader.name_space != rule.name_space || leader.service != scope.service()) continue;
        const Moment at = Loop::moment();
        const auto age = at.unix_seconds - remembered_at;
        // A clock that was set back makes what is remembered no younger.
        if (age >= 0 && age < leader.ttl) scope.remember(leader.facts, at.now + seconds(leader.ttl - age));
    }
}

std::optional<std::string> Watcher::State::remembered_namespace(const std::string& scope, const std::string& service) const {
    for (const auto& leader : remembered_leaders)
        if (leader.scope == scope && leader.service == service) return leader.name_space;
    return std::nullopt;
}

std::optional<Snapshot> Watcher::snapshot() const {
    const auto& self = *state_;
    if (!self.running || !first_sync_done() || self.running->contact.lost()) return std::nullopt;
    Snapshot snapshot;
    snapshot.contact_unix = self.last_contact;
    if (const auto& told = self.running->agent.told()) snapshot.settings = *told;
    for (const auto& [key, entry] : *self.builder.last()->services) {
        if (snapshot.services.size() == snapshot_services_max) break;
        if (entry->state == FactState::known && !entry->instances.empty()) snapshot.services.push_back(entry);
    }
    for (const auto& scope : self.running->scopes) {
        const auto& verdict = scope->verdict();
        if (!scope->rule().key.empty() || verdict.state != LeaderState::led || scope->unconfirmed()) continue;
        RememberedLeader leader{scope->rule().scope, scope->rule().name_space, scope->service(), {}, scope->ttl()};
        leader.facts.exists = true;
        leader.facts.leader = verdict.member;
        for (const auto& row : verdict.members) leader.facts.members.emplace(row.name, row);
        snapshot.leaders.push_back(std::move(leader));
    }
    return snapshot;
}

}  // namespace lictor
