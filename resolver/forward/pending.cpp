// The table of queries in flight is keyed by question and group. Two indexes find an entry by attempt and by due time.
#include "resolver/forward/pending.hpp"

#include <algorithm>

namespace lictor::forward {
namespace {

/// At most this number of clients wait for one query. Further clients get SERVFAIL, because so many identical queries indicate an
/// attack.
constexpr std::size_t waiters_max_each = 1024;
/// Up to this number they are not told apart; beyond it no client may be three times as many as there is room for.
constexpr std::size_t waiters_any_client = waiters_max_each / 4;

constexpr std::size_t buckets_kept = 256;  // of an empty table

std::size_t bytes_of(const std::unique_ptr<CleanReply>& reply) {
    return reply ? sizeof *reply + reply->message.capacity() + 2 * reply->ttl_at.capacity() + reply->opt.capacity() : 0;
}

}  // namespace

Capitals capitals_of(const wire::Name& written, const wire::Name& lower) {
    Capitals capitals{};
    const wire::Bytes as_written = written.wire(), as_lower = lower.wire();
    for (std::size_t i = 0; i < as_written.size(); ++i)
        if (as_written[i] != as_lower[i]) capitals[i / 8] = static_cast<std::uint8_t>(capitals[i / 8] | 1u << i % 8);
    return capitals;
}

wire::Name with_capitals(const wire::Name& lower, const Capitals& capitals) {
    std::array<std::uint8_t, 255> wire{};
    const wire::Bytes from = lower.wire();
    for (std::size_t i = 0; i < from.size(); ++i)
        wire[i] = static_cast<std::uint8_t>(capitals[i / 8] >> i % 8 & 1 ? from[i] - ('a' - 'A') : from[i]);
    return wire::Name::from_wire({wire.data(), from.size()});
}

Waiter Waiter::of(const wire::Question& question, const answer::Client& client, Now now) {
    Waiter waiter;
    waiter.client = client;
    if (waiter.client.arrived == Now{}) waiter.client.arrived = now;
    waiter.id = question.header.id;
    waiter.bits = question.header.bits & (header_bit::rd | header_bit::cd);
    waiter.edns = question.edns;
    waiter.over_tcp = question.over_tcp;
    waiter.capitals = capitals_of(question.name, question.lower);
    return waiter;
}

std::size_t Pending::Hash::operator()(const Key& key) const {
    const QuestionKey& question = key.question;
    const std::uint64_t other_fields =
        (std::uint64_t{question.type} << 32 | std::uint64_t{question.klass} << 8 | (question.dnssec_ok ? 1u : 0u) |
         (question.checking_disabled ? 2u : 0u) | (question.by_stream ? 4u : 0u) | (question.authentic ? 8u : 0u)) +
        question.client;
    return static_cast<std::size_t>(name(question.lower) ^ (other_fields * 0x9e3779b97f4a7c15u) ^
                                    reinterpret_cast<std::uintptr_t>(key.group));
}

InFlight* Pending::find(const QuestionKey& key, const Group* group) {
    const auto found = entries_.find(Key{key, group});
    return found == entries_.end() ? nullptr : found->get();
}

InFlight& Pending::add(const QuestionKey& key, std::shared_ptr<Group> group, std::uint64_t epoch, clients::ClientKey owner) {
    auto entry = std::make_unique<InFlight>();
    entry->key = key;
    entry->epoch = epoch;
    entry->tried.resize(group->members.size());
    entry->plain.resize(group->members.size());
    entry->group = std::move(group);
    entry->number = next_number_++;
    InFlight& added = *entry;
    entries_.insert(std::move(entry));
    try {
        own(added, owner);
    } catch (const std::bad_alloc&) {
        remove(added);
        throw;
    }
    enter();
    return added;
}

void Pending::enter() { held_.set(entries_.size() * entry_bytes + waiters() * waiter_bytes + by_attempt_.size() * attempt_bytes + extra_); }

void Pending::watch(const Attempt& attempt, InFlight& entry) {
    by_attempt_[attempt.id] = &entry;
    enter();
}

void Pending::unwatch(answer::AttemptId attempt) {
    by_attempt_.erase(attempt);
    enter();
}

void Pending::weigh(InFlight& entry) {
    extra_ -= entry.extra;
    entry.extra =
        entry.options.capacity() + (entry.as_asked ? sizeof *entry.as_asked + 32 : 0) + bytes_of(entry.denied) + bytes_of(entry.partial);
    extra_ += entry.extra;
    enter();
}

void Pending::tidy() {
    if (entries_.empty() && entries_.bucket_count() > buckets_kept) entries_.rehash(0);
    if (by_attempt_.empty() && by_attempt_.bucket_count() > buckets_kept) by_attempt_.rehash(0);
    if (tcp_waiters_.empty() && tcp_waiters_.bucket_count() > buckets_kept) tcp_waiters_.rehash(0);
}

void Pending::remove(InFlight& entry) {
    for (const Attempt& attempt : entry.attempts) by_attempt_.erase(attempt.id);
    drop_waiters(entry);
    order_.erase({{entry.due, entry.number}, &entry});
    extra_ -= entry.extra;
    entries_.erase(entries_.find(Key{entry.key, entry.group.get()}));
    enter();
}

void Pending::drop_waiters(InFlight& entry) {
    for (const Waiter& waiter : entry.waiters) waiter_gone(waiter);
    entry.waiters = {};
    disown(entry);
    enter();
}

void Pending::own(InFlight& entry, clients::ClientKey owner) {
    begun_.take(owner);
    entry.owner = owner;
}

void Pending::disown(InFlight& entry) {
    if (entry.owner) begun_.give_back(*entry.owner);
    entry.owner.reset();
}

Pending::Join Pending::join(InFlight& entry, Waiter waiter, std::size_t total_max) {
    // TCP clients do not retransmit: each query gets a reply of its own.
    if (waiter.client.connection == 0 && std::find(entry.waiters.begin(), entry.waiters.end(), waiter) != entry.waiters.end())
        return Join::repeated;
    const clients::ClientKey client = clients::client_of(waiter.client.peer);
    if (entry.waiters.size() >= waiters_max_each || !waiting_.may_take(client, total_max)) return Join::full;
    if (entry.waiters.size() >= waiters_any_client) {
        const auto same = std::count_if(entry.waiters.begin(), entry.waiters.end(),
                                        [client](const Waiter& other) { return clients::client_of(other.client.peer) == client; });
        if (static_cast<std::size_t>(same) >= 3 * (waiters_max_each - entry.waiters.size())) return Join::full;
    }
    // What needs memory comes first: a waiter is counted and in the list, or neither.
    if (entry.waiters.size() == entry.waiters.capacity()) entry.waiters.reserve(2 * entry.waiters.size() + 1);
    if (waiter.client.connection) ++tcp_waiters_[waiter.client.connection];
    waiting_.take(client);
    entry.waiters.push_back(waiter);
    enter();
    return Join::joined;
}

InFlight* Pending::of_attempt(answer::AttemptId attempt) const {
    const auto found = by_attempt_.find(attempt);
    return found == by_attempt_.end() ? nullptr : found->second;
}

void Pending::schedule(InFlight& entry, Now due) {
    auto node = order_.extract({{entry.due, entry.number}, &entry});
    if (node.empty()) {
        order_.insert({{due, entry.number}, &entry});
    } else {  // needs no memory
        node.value().first.first = due;
        order_.insert(std::move(node));
    }
    entry.due = due;
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
    for (const auto& entry : entries_) {
        if (gone == expected) break;
        gone += std::erase_if(entry->waiters, [&](const Waiter& waiter) {
            const bool theirs = waiter.client.connection == connection;
            if (theirs) waiting_.give_back(clients::client_of(waiter.client.peer));
            return theirs;
        });
    }
    enter();
}

void Pending::waiter_gone(const Waiter& waiter) {
    waiting_.give_back(clients::client_of(waiter.client.peer));
    if (!waiter.client.connection) return;
    const auto found = tcp_waiters_.find(waiter.client.connection);
    if (found != tcp_waiters_.end() && --found->second == 0) tcp_waiters_.erase(found);
}

std::vector<InFlight*> Pending::below(const wire::Name& suffix) {
    std::vector<InFlight*> found;
    for (const auto& entry : entries_)
        if (entry->key.lower.is_below_or_equal(suffix)) found.push_back(entry.get());
    return found;
}

}  // namespace lictor::forward
