// Holds queries that wait for the first read of a service or of nodes, for a host name's addresses, or for the next leader. Each has a
// deadline. When the fact that a query waits for changes, the query is decided again from the beginning.
#include <algorithm>

#include "resolver/core/resolver_state.hpp"
#include "watch/leader/words.hpp"

namespace lictor::core {
namespace {

/// How long a query may wait for the first read of a service or of nodes, or for a host name, whose look-up ends within 3 s. glibc asks
/// again after 5 s.
constexpr microseconds first_read_max = milliseconds(3500);
/// The bound of a hold after the first full one in a gap: clients with few resolver threads must not be blocked for the whole outage.
constexpr microseconds later_hold_max = milliseconds(1000);
constexpr std::uint32_t waiting_max = 10'000;

}  // namespace

/// A number that differs whenever the fact that `need` names has changed; 0 if the fact is not in the View.
std::uint64_t Resolver::State::stamp(const catalog::Need& need) const {
    const auto mixed = [](std::uint64_t version, auto state) { return version * 16 + 1 + static_cast<std::uint64_t>(state); };
    const catalog::Catalog& catalog = *view->catalog;
    switch (need.kind) {
        case catalog::Need::Kind::service:
            if (const auto it = catalog.services->find(catalog::service_key(need.name, need.datacenter)); it != catalog.services->end())
                return mixed(it->second->version, it->second->state);
            return 0;
        case catalog::Need::Kind::nodes:
            if (const auto it = catalog.nodes->find(need.datacenter); it != catalog.nodes->end())
                return mixed(it->second->version, it->second->state);
            return 0;
        case catalog::Need::Kind::leader:
            if (const auto it = catalog.leaders->find(need.name); it != catalog.leaders->end()) {
                std::uint64_t own = mixed(it->second->version, it->second->state);
                // A new member ends the gap of names that any member can answer.
                if (it->second->replica_set) own += it->second->replica_set->version * 0x9e3779b97f4a7c15u;
                // The runtime entry is replaced when the leader's host name gets another address, and when a deposed leader is answered
                // again.
                if (const auto* entry = runtime_of(need)) own ^= reinterpret_cast<std::uintptr_t>(entry);
                // While the keys cannot be read, the service's tags decide, so a change of the service ends the gap too.
                return it->second->state == catalog::LeaderState::unreadable ? own + stamp({catalog::Need::Kind::service, need.name, {}})
                                                                             : own;
            }
            return 0;
        case catalog::Need::Kind::host:
            if (const auto it = catalog.hosts->find(need.name); it != catalog.hosts->end())
                return mixed(it->second->version, it->second->state);
            return 0;
    }
    return 0;
}

microseconds Resolver::State::hold_bound(const Answer& decided) const {
    if (!decided.leader_gap) return first_read_max;
    const microseconds bound = view->rules->leader_hold;
    const auto entry = view->catalog->leaders->find(decided.need.name);
    if (entry == view->catalog->leaders->end()) return bound;
    const bool spent = entry->second->gap->spent.load(std::memory_order_relaxed) == entry->second->version;
    // Without keys no change of leader is in progress: the name may be misspelt.
    const bool no_keys = entry->second->reason == catalog::LeaderReason::no_keys;
    return spent || no_keys ? std::min<microseconds>(bound, later_hold_max) : bound;
}

Answer Resolver::State::hold(const wire::Question& question, wire::Bytes message, const answer::Client& client, const Answer& decided,
                             Moment at, const WaitingQuery* before, std::span<std::uint8_t> buffer, answer::Actions& actions) {
    Now deadline = before ? before->deadline : Now{};
    if (!before) deadline = at.now + hold_bound(decided);
    if (deadline <= at.now) return fail(question, reason_of(decided.need, decided.leader_gap, at.now), buffer);
    if (waiting.announce(decided.need, at.now)) actions.emplace_back(answer::FactRequest{decided.need});
    WaitingQuery held{
        {message.begin(), message.end()},  client,  question.lower, question.header.id, question.type, decided.need, decided.leader_gap,
        before ? before->arrived : at.now, deadline};
    auto number_max = decided.leader_gap ? view->rules->leader_hold_max : waiting_max;
    if (!counters.memory.fits(budget::Kind::held, sizeof held + message.size())) {
        counters.memory.count_shed(budget::Kind::held);
        number_max = 0;
    }
    if (held.client.arrived == Now{}) held.client.arrived = at.now;
    switch (waiting.put(std::move(held), stamp(decided.need), number_max)) {
        case Waiting::Put::full:
            if (notices.due(answer::NoticeKind::waiting_full, at.now))
                actions.emplace_back(
                    answer::Notice{answer::NoticeKind::waiting_full, "too many queries wait for an answer from Consul: SERVFAIL"});
            return fail(question, {decided.leader_gap ? Cause::held_full : Cause::waiting_full, 0, decided.need.name}, buffer);
        case Waiting::Put::held:
            if (!decided.leader_gap || (before && before->leader_gap)) break;
            counters.held.add();
            if (const auto* entry = runtime_of(decided.need)) entry->current_gap().held.fetch_add(1, std::memory_order_relaxed);
            break;
        case Waiting::Put::joined: break;
    }
    return Answer::comes_later();
}

/// The reason of SERVFAIL for a query that waits for `need`. It refers to `need`.
answer::Reason Resolver::State::reason_of(const catalog::Need& need, bool leader_gap, Now now) const {
    if (leader_gap) {
        const auto entry = view->catalog->leaders->find(need.name);
        if (entry == view->catalog->leaders->end())
            return {Cause::leader_gap, 0, need.name, leader::word(catalog::LeaderReason::not_read_yet)};
        const auto since = std::max(now - entry->second->since, microseconds{0});
        return {Cause::leader_gap, answer::whole_seconds(since), need.name, leader::word(entry->second->reason)};
    }
    if (need.kind == catalog::Need::Kind::host) return {Cause::host_unresolved, 0, need.name};
    return {Cause::consul_unread, 0, need.kind == catalog::Need::Kind::nodes ? std::string_view("the nodes") : need.name};
}

void Resolver::State::reply_later(Answer answer, const wire::Question& question, const answer::Client& client,
                                  std::span<std::uint8_t> buffer, answer::Actions& actions) {
    if (!answer.answered()) return;
    conclude(answer, question, client, buffer, actions);
    actions.emplace_back(answer::Reply{client, {buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(answer.size)}});
}

wire::Question Resolver::State::read_held(const WaitingQuery& held, Moment at) {
    wire::Question question;
    wire::read_question(held.message, question);
    set_transport(question, held.client);
    if (question.edns.cookie_size != 0) replace_cookie(question, held.client, at);
    return question;
}

/// Decides a held query again, from the top, after the fact that it needs has changed.
void Resolver::State::again(WaitingQuery held, Moment at, answer::Actions& actions) {
    const wire::Question question = read_held(held, at);
    const auto buffer = scratch_for(held.client);
    const Answer decided = decide(question, held.client, at, buffer, actions, 0);
    if (decided.kind == Answer::Kind::waits)
        return reply_later(hold(question, held.message, held.client, decided, at, &held, buffer, actions), question, held.client, buffer,
                           actions);
    if (held.leader_gap) {
        counters.held_released.add();
        counters.leader_hold.add(at.now - held.arrived);
        if (const auto* entry = runtime_of(held.need)) {
            entry->gap->released(at.now - held.arrived);
            if (decided.answered()) entry->gap->answered(at.now);
        }
    }
    reply_later(decided, question, held.client, buffer, actions);
}

/// Ends a hold at its deadline: the agent's DNS is asked if it may have the answer (never for a leader name), else SERVFAIL is sent.
void Resolver::State::end_hold(WaitingQuery held, Moment at, answer::Actions& actions) {
    const wire::Question question = read_held(held, at);
    const auto buffer = scratch_for(held.client);
    if (held.leader_gap) {
        counters.held_expired.add();
        counters.leader_hold.add(at.now - held.arrived);
        if (const auto* entry = runtime_of(held.need)) {
            entry->current_gap().expired.fetch_add(1, std::memory_order_relaxed);
            entry->current_gap().released(at.now - held.arrived);
        }
        const auto entry = view->catalog->leaders->find(held.need.name);
        if (held.deadline - held.arrived >= view->rules->leader_hold && entry != view->catalog->leaders->end())
            entry->second->gap->spent.store(entry->second->version, std::memory_order_relaxed);
    }
    Answer answer = agent_ends_hold(question, held.need, held.leader_gap)
                        ? delegate(question, held.client, at, buffer, actions)
                        : fail(question, reason_of(held.need, held.leader_gap, at.now), buffer);
    reply_later(std::move(answer), question, held.client, buffer, actions);
}

bool Resolver::State::agent_ends_hold(const wire::Question& question, const catalog::Need& need, bool leader_gap) const {
    if (leader_gap || !view->rules->agent_dns) return false;
    if (need.kind != catalog::Need::Kind::service && need.kind != catalog::Need::Kind::nodes) return false;
    // The agent cannot answer a name outside its domains, such as an alias into them.
    const wire::Name* domain = consul_domain(question.lower);
    return domain ? !zone::is_leader_name(question, *domain, *view->catalog) : reverse_domain(question) != nullptr;
}

}  // namespace lictor::core
