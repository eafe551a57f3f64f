// Handles the events other than queries: replies and failures of upstreams, time, new Views, closed connections, the stop.
#include "resolver/core/resolver.hpp"

#include <algorithm>
#include <new>

#include "resolver/core/resolver_state.hpp"
#include "watch/catalog/give_way.hpp"

namespace lictor::core {
Resolver::Resolver(metrics::WorkerCounters& counters, Random& random) : state_(std::make_unique<State>(counters, random)) {}
Resolver::~Resolver() = default;
void Resolver::set_others(std::function<Totals()> others) { state_->others = std::move(others); }
void Resolver::set_cookie_secret(const Random::Seed& secret) { state_->cookies = clients::ServerCookies(secret); }

void Resolver::end_batch(Now now) {
    State& s = *state_;
    for (std::size_t i = 0; i < s.at_once.size(); ++i) {
        if (s.at_once[i] == 0) continue;
        answer::response_of(s.counters, static_cast<answer::Source>(i)).add(now - s.batch_at, s.at_once[i]);
        s.at_once[i] = 0;
    }
}

void Resolver::on_reply(answer::AttemptId attempt, wire::Bytes message, Moment at, answer::Actions& actions) {
    state_->event_at = at.now;
    const std::size_t before = actions.size();
    state_->forward.on_reply(attempt, message, at, actions);
    state_->finish_aliases(actions, before);
}

void Resolver::on_failure(answer::AttemptId attempt, Moment at, answer::Actions& actions) {
    state_->event_at = at.now;
    const std::size_t before = actions.size();
    state_->forward.on_failure(attempt, at, actions);
    state_->finish_aliases(actions, before);
}

void Resolver::on_tick(Moment at, answer::Actions& actions) {
    State& s = *state_;
    s.event_at = at.now;
    const std::size_t before = actions.size();
    s.forward.on_tick(at, actions);
    s.finish_aliases(actions, before);
    for (auto& held : s.waiting.take_due(at.now)) s.tolerate([&] { s.end_hold(std::move(held), at, actions); });
    s.gauges();
}

/// Takes over what depends on the new View, in the order: what needs memory, then the changes. After an exception it may be called again.
void Resolver::State::adopt(const view::View& old, Moment at, answer::Actions& actions) {
    const std::size_t before = actions.size();
    const rules::Rules& rules = *view->rules;
    const bool other_rules = old.rules != view->rules || old.generation == 0;
    // Hosts files may be long: they are scanned only if the Rules or the Consul settings changed, not with each View.
    const bool other_domains = other_rules || old.catalog->settings != view->catalog->settings;
    std::vector<wire::Name> now_domains;
    if (other_domains)
        for (const auto& text : view->catalog->settings->domains)
            if (const auto name = wire::Name::parse(text)) now_domains.push_back(name->lower());
    if (other_rules) forward.adopt(view->rules, at.now);
    if (other_domains) {
        domains.swap(now_domains);
        const auto below_consul = [&](const auto& table) {
            return std::any_of(table.begin(), table.end(), [&](const auto& row) { return consul_domain(row.first) != nullptr; });
        };
        rules_below_consul =
            below_consul(rules.routes) || below_consul(rules.local->names) || below_consul(rules.local->aliases) ||
            below_consul(rules.local->records) ||
            std::ranges::any_of(rules.local->synth_names, [&](const auto& names) { return consul_domain(names.domain) != nullptr; }) ||
            below_consul(rules.local->wildcards) || below_consul(rules.local->starred) || below_consul(rules.starred_routes);
    }

    // Cached answers may contain the old leader's address: Consul's names from the agent's DNS, and leader-flush names. They are flushed,
    // and such queries in flight are asked again.
    bool leader_moved = false;
    for (const auto& [service, entry] : *view->catalog->leaders) {
        const auto before_entry = old.catalog->leaders->find(service);
        if (before_entry != old.catalog->leaders->end() && before_entry->second->version != entry->version) leader_moved = true;
        // If the tags decide, the leader's entry in the Catalog does not change with the answer; the runtime entry does.
        const auto runtime = view->runtime->find(service), old_runtime = old.runtime->find(service);
        if (runtime != view->runtime->end() && old_runtime != old.runtime->end() && runtime->second != old_runtime->second)
            leader_moved = true;
    }
    if (leader_moved) {
        if (agent_asked)
            for (const wire::Name& domain : domains) counters.cache_flushed.add(forward.flush(domain, at, actions));
        for (const wire::Name& name : rules.flush_on_leader_change) counters.cache_flushed.add(forward.flush(name, at, actions));
    }
    finish_aliases(actions, before);
}

void Resolver::on_view(std::shared_ptr<const view::View> view, Moment at, answer::Actions& actions) {
    State& s = *state_;
    s.event_at = at.now;
    const auto old = std::exchange(s.view, std::move(view));
    try {
        s.adopt(*old, at, actions);
    } catch (const std::bad_alloc&) {
        s.view = old;  // the caller passes the View again
        throw;
    }

    // Consul gives way, or an agent was found: another source answers every query that waits for Consul.
    if (catalog::gives_way(*old->catalog) != catalog::gives_way(*s.view->catalog) && old->generation != 0)
        for (auto& held : s.waiting.take_all()) s.tolerate([&] { s.again(std::move(held), at, actions); });
    for (auto& held : s.waiting.take_moved([&](const catalog::Need& need) { return s.stamp(need); }))
        s.tolerate([&] { s.again(std::move(held), at, actions); });
    s.gauges();
}

void Resolver::on_gone(std::uint64_t connection) {
    state_->waiting.drop_connection(connection);
    state_->forward.drop_connection(connection);
    std::erase_if(state_->aliases, [&](const auto& row) { return row.second.client.connection == connection; });
    state_->gauges();
}

void Resolver::on_stop(Moment at, answer::Actions& actions) {
    State& s = *state_;
    s.event_at = at.now;
    const std::size_t before = actions.size();
    s.forward.fail_all(actions);
    s.finish_aliases(actions, before);
    for (const auto& held : s.waiting.take_all()) {
        s.tolerate([&] {
            const wire::Question question = s.read_held(held, at);
            const auto buffer = s.scratch_for(held.client);
            s.reply_later(s.fail(question, {Cause::stopping}, buffer), question, held.client, buffer, actions);
        });
    }
    s.gauges();
}

std::size_t Resolver::flush(std::optional<wire::Name> suffix, Moment at, answer::Actions& actions) {
    state_->event_at = at.now;
    const std::size_t before = actions.size();
    const std::size_t dropped = state_->forward.flush(suffix.value_or(wire::Name{}), at, actions);
    state_->counters.cache_flushed.add(dropped);
    state_->finish_aliases(actions, before);
    return dropped;
}

void Resolver::tidy(Now now) { state_->forward.tidy(now); }

std::optional<Now> Resolver::deadline() const {
    const auto waiting = state_->waiting.deadline();
    const auto forward = state_->forward.deadline();
    if (waiting && forward) return std::min(*waiting, *forward);
    return waiting ? waiting : forward;
}

std::vector<forward::TableRow> Resolver::cache_table(Moment at, std::size_t rows_max) const { return state_->forward.table(at, rows_max); }
std::vector<forward::UpstreamReport> Resolver::upstream_reports(Now now) const { return state_->forward.upstream_reports(now); }

}  // namespace lictor::core
