// The table of queries in flight is keyed by question and group. Two indexes find an entry by attempt and by due time.
#include "resolver/forward/pending.hpp"

#include <algorithm>

namespace lictor::forward {
namespace {

/// At most this number of clients wait for one query. Further clients get SERVFAIL, because so many identical queries indicate an
/// attack.
constexpr std::size_t waiters_max_each = 1024;

}  // namespace

Waiter Waiter::of(const wire::Question& question, const answer::Client& client, Now now) {
    Waiter waiter;
    waiter.client = client;
    if (waiter.client.arrived == Now{}) waiter.client.arrived = now;
    waiter.id = question.header.id;
    waiter.bits = question.header.bits & (header_bit::rd | header_bit::cd);
    waiter.edns = question.edns;
    waiter.over_tcp = question.over_tcp;
    const wire::Bytes as_asked = question.name.wire(), lower = question.lower.wire();
    for (std::size_t i = 0; i < as_asked.size(); ++i)
        if (as_asked[i] != lower[i]) waiter.capitals[i / 8] = static_cast<std::uint8_t>(waiter.capitals[i / 8] | 1u << i % 8);
    return waiter;
}

wire::Name Waiter::name(const wire::Name& lower) const {
    std::array<std::uint8_t, 255> wire{};
    const wire::Bytes from = lower.wire();
    for (std::size_t i = 0; i < from.size(); ++i)
        wire[i] = static_cast<std::uint8_t>(capitals[i / 8] >> i % 8 & 1 ? from[i] - ('a' - 'A') : from[i]);
    return wire::Name::from_wire({wire.data(), from.size()});
}

std::size_t Pending::KeyHash::operator()(const std::pair<QuestionKey, const Group*>& key) const {
    const auto& [question, group] = key;
    const std::uint64_t other_fields =
        (std::uint64_t{question.type} << 32 | std::uint64_t{question.klass} << 8 | (question.dnssec_ok ? 1u : 0u) |
         (question.checking_disabled ? 2u : 0u) | (question.by_stream ? 4u : 0u) | (question.authentic ? 8u : 0u)) +
        question.client;
    return static_cast<std::size_t>(hash(question.lower) ^ (other_fields * 0x9e3779b97f4a7c15u) ^ reinterpret_cast<std::uintptr_t>(group));
}

InFlight* Pending::find(const QuestionKey& key, const Group* group) {
    const auto found = entries_.find({key, group});
    return found == entries_.end() ? nullptr : found->second.get();
}

InFlight& Pending::add(const QuestionKey& key, std::shared_ptr<Group> group, std::uint64_t epoch) {
    auto entry = std::make_unique<InFlight>();
    entry->key = key;
    entry->epoch = epoch;
    entry->tried.resize(group->members.size());
    entry->plain.resize(group->members.size());
    entry->group = std::move(group);
    entry->number = next_number_++;
    InFlight& added = *entry;
    entries_.emplace(std::pair{key, static_cast<const Group*>(added.group.get())}, std::move(entry));
    return added;
}

void Pending::remove(InFlight& entry) {
    for (const Attempt& attempt : entry.attempts) by_attempt_.erase(attempt.id);
    for (const Waiter& waiter : entry.waiters) waiter_gone(waiter);
    order_.erase({{entry.due, entry.number}, &entry});
    entries_.erase(entries_.find({entry.key, entry.group.get()}));
}

void Pending::drop_waiters(InFlight& entry) {
    for (const Waiter& waiter : entry.waiters) waiter_gone(waiter);
    entry.waiters.clear();
}

Pending::Join Pending::join(InFlight& entry, Waiter waiter, std::size_t total_max) {
    // TCP clients do not retransmit: each query gets a reply of its own.
    if (waiter.client.connection == 0 && std::find(entry.waiters.begin(), entry.waiters.end(), waiter) != entry.waiters.end())
        return Join::repeated;
    if (entry.waiters.size() >= waiters_max_each || waiters_ >= total_max) return Join::full;
    if (waiter.client.connection) ++tcp_waiters_[waiter.client.connection];
    ++waiters_;
    entry.waiters.push_back(waiter);
    return Join::joined;
}

InFlight* Pending::of_attempt(answer::AttemptId attempt) const {
    const auto found = by_attempt_.find(attempt);
    return found == by_attempt_.end() ? nullptr : found->second;
}

void Pending::schedule(InFlight& entry, Now due) {
    order_.erase({{entry.due, entry.number}, &entry});
    entry.due = due;
    order_.insert({{due, entry.number}, &entry});
}

std::optional<Now> Pending::deadline() const {
    if (order_.empty()) return std::nullopt;
    return order_.begin()->first.first;
}

InFlight* Pending::due(Now now) const { return order_.empty() || order_.begin()->first.first > now ? nullptr : order_.begin()->second; }

void Pending::drop_connection(std::uint64_t connection) {
    const auto waiting = tcp_waiters_.find(connection);
    if (connection == 0 || waiting == tcp_waiters_.end()) return;
    const std::size_t expected = waiting->second;
    tcp_waiters_.erase(waiting);
    std::size_t gone = 0;
    for (auto& [key, entry] : entries_) {
        if (gone == expected) break;
        gone += std::erase_if(entry->waiters, [&](const Waiter& waiter) { return waiter.client.connection == connection; });
    }
    waiters_ -= gone;
}

void Pending::waiter_gone(const Waiter& waiter) {
    --waiters_;
    if (!waiter.client.connection) return;
    const auto found = tcp_waiters_.find(waiter.client.connection);
    if (found != tcp_waiters_.end() && --found->second == 0) tcp_waiters_.erase(found);
}

std::vector<InFlight*> Pending::below(const wire::Name& suffix) {
    std::vector<InFlight*> found;
    for (auto& [key, entry] : entries_)
        if (entry->key.lower.is_below_or_equal(suffix)) found.push_back(entry.get());
    return found;
}

}  // namespace lictor::forward
