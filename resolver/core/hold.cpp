// Questions that wait: for the first read of a service or node, for a host name's addresses, for the next leader. Each has a bound; when
// the fact that it waits for moves, it is decided again from the top.
#include <algorithm>

#include "resolver/core/query_log.hpp"
#include "resolver/core/resolver_state.hpp"
#include "watch/replicas.hpp"

namespace lictor {
namespace {

/// How long a question may wait for the first read of a service or node, or for a host name (whose own look-up ends within 3 s): below
/// the 5 s after which glibc asks again.
constexpr microseconds first_read_max = milliseconds(3500);
/// After the first full hold of a gap: clients with few look-up threads must not stand still for the whole outage.
constexpr microseconds later_hold_max = milliseconds(1000);
constexpr std::uint32_t waiting_max = 10'000;

}  // namespace

std::uint64_t Resolver::State::stamp(const Need& need) const {
    const auto mixed = [](std::uint64_t version, auto state) { return version * 16 + 1 + static_cast<std::uint64_t>(state); };
    const Catalog& catalog = *view->catalog;
    switch (need.kind) {
        case Need::Kind::service:
            if (const auto it = catalog.services->find(service_key(need.name, need.datacenter)); it != catalog.services->end())
                return mixed(it->second->version, it->second->state);
            return 0;
        case Need::Kind::nodes:
            if (const auto it = catalog.nodes->find(need.datacenter); it != catalog.nodes->end()) return mixed(it->second->version, it->second->state);
            return 0;
        case Need::Kind::leader:
            if (const auto it = catalog.leaders->find(need.name); it != catalog.leaders->end()) {
                std::uint64_t own = mixed(it->second->version, it->second->state);
                // A member who comes ends the gap of the names that any member answers.
                if (it->second->replicas) own += it->second->replicas->version * 0x9e3779b97f4a7c15u;
                // Another address behind the same host name, and one that was deposed for a moment: each has a page of its own.
                if (const auto* page = page_of(need)) own ^= reinterpret_cast<std::uintptr_t>(page);
                // While the keys cannot be read the service's tags decide: they end the gap too.
                return it->second->state == LeaderState::unreadable ? own + stamp({Need::Kind::service, need.name, {}}) : own;
            }
            return 0;
        case Need::Kind::host:
            if (const auto it = catalog.hosts->find(need.name); it != catalog.hosts->end()) return mixed(it->second->version, it->second->state);
            return 0;
    }
    return 0;
}

Decided Resolver::State::hold(const Question& question, Bytes message, const Client& client, const Decided& decided, Moment at,
                              const WaitingQuestion* before, std::span<std::uint8_t> buffer, Actions& actions) {
    Now deadline = before ? before->deadline : Now{};
    if (!before) {
        microseconds bound = first_read_max;
        if (decided.leader_gap) {
            bound = view->rules->leader_hold;
            const auto entry = view->catalog->leaders->find(decided.need.name);
            if (entry != view->catalog->leaders->end() && entry->second->gap->spent.load(std::memory_order_relaxed) == entry->second->version)
                bound = std::min<microseconds>(bound, later_hold_max);
        }
        deadline = at.now + bound;
    }
    if (deadline <= at.now) return fail(question, rcode::servfail, ede::not_ready, buffer);
    if (waiting.tell(decided.need, at.now)) actions.emplace_back(Want{decided.need});
    WaitingQuestion held{{message.begin(), message.end()}, client, question.lower, question.header.id, question.type, decided.need,
                         decided.leader_gap, before ? before->arrived : at.now, deadline};
    const auto number_max = decided.leader_gap ? view->rules->leader_hold_max : waiting_max;
    switch (waiting.put(std::move(held), stamp(decided.need), number_max)) {
        case Waiting::Put::full:
            counters.waiting_overflow.add();
            actions.emplace_back(Notice{Notice::Kind::waiting_overflow, "too many questions wait for an answer from Consul: SERVFAIL"});
            return fail(question, rcode::servfail, ede::not_ready, buffer);
        case Waiting::Put::held:
            if (!decided.leader_gap || (before && before->leader_gap)) break;
            counters.held.add();
            if (const auto* page = page_of(decided.need)) page->gap_on().held.fetch_add(1, std::memory_order_relaxed);
            break;
        case Waiting::Put::joined:
            break;
    }
    return {Decided::Kind::later, 0, {}, false};
}

void Resolver::State::reply_later(const Client& client, Bytes bytes, Actions& actions) {
    count(bytes);
    actions.emplace_back(Reply{client, {bytes.begin(), bytes.end()}});
}

/// A waiting question whose fact moved, from the top.
void Resolver::State::again(WaitingQuestion held, Moment at, Actions& actions) {
    Question question;
    read_question(held.message, question);
    question.over_tcp = held.client.connection != 0;
    const auto buffer = scratch_for(held.client);
    Decided decided = decide(question, held.client, at, buffer, actions, 0);
    if (decided.kind == Decided::Kind::wait) decided = hold(question, held.message, held.client, decided, at, &held, buffer, actions);
    else if (held.leader_gap) {
        counters.held_released.add();
        if (const auto* page = page_of(held.need)) page->gap->released(at.now - held.arrived);
    }
    if (decided.kind == Decided::Kind::answer) reply_later(held.client, Bytes(buffer).first(decided.size), actions);
}

/// A waiting question whose time is over: the agent's DNS may still know it (never for a leader name), else SERVFAIL, never silence.
void Resolver::State::end_hold(WaitingQuestion held, Moment at, Actions& actions) {
    Question question;
    read_question(held.message, question);
    question.over_tcp = held.client.connection != 0;
    const auto buffer = scratch_for(held.client);
    Decided decided;
    if (held.leader_gap) {
        counters.held_expired.add();
        if (const auto* page = page_of(held.need)) {
            page->gap_on().expired.fetch_add(1, std::memory_order_relaxed);
            page->gap_on().released(at.now - held.arrived);
        }
        const auto entry = view->catalog->leaders->find(held.need.name);
        if (held.deadline - held.arrived >= view->rules->leader_hold && entry != view->catalog->leaders->end())
            entry->second->gap->spent.store(entry->second->version, std::memory_order_relaxed);
    }
    // The agent knows nothing of an alias outside its domains.
    const Name* domain = consul_domain(question.lower);
    const bool agents = domain ? !is_leader_name(question, *domain, *view->catalog) : reverse_domain(question) != nullptr;
    const bool agent_may_know = agents && (held.need.kind == Need::Kind::service || held.need.kind == Need::Kind::nodes);
    if (agent_may_know && !held.leader_gap && view->rules->agent_dns) decided = delegate(question, held.client, at, buffer, actions);
    else decided = fail(question, rcode::servfail, ede::not_ready, buffer);
    if (decided.kind == Decided::Kind::answer && view->rules->log_queries)
        log_message(held.leader_gap ? "leader" : "consul", Bytes(buffer).first(decided.size), held.client, actions);
    if (decided.kind == Decided::Kind::answer) reply_later(held.client, Bytes(buffer).first(decided.size), actions);
}

}  // namespace lictor
