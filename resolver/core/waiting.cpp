// Maintains the indexes of the waiting table: by number, by need and by deadline.
#include "resolver/core/waiting.hpp"

#include <algorithm>
#include <new>

namespace lictor::core {
namespace {

constexpr std::size_t look_back = 64;             // queries of one client port: A and AAAA, or a retransmission, come close together
constexpr std::size_t overhead_bytes = 320;       // memory of the table itself, per query
constexpr Now announce_again_after = seconds(1);  // a leader is probed only while queries wait for it, so the need is reported again

bool same_asker(const WaitingQuery& a, const WaitingQuery& b) { return a.client == b.client && a.lower == b.lower; }

}  // namespace

std::string Waiting::key(const catalog::Need& need) {
    return std::string(1, static_cast<char>('0' + static_cast<int>(need.kind))) + catalog::service_key(need.name, need.datacenter);
}

Waiting::Put Waiting::put(WaitingQuery query, std::uint64_t stamp, std::size_t number_max) {
    const auto found = groups_.find(key(query.need));
    if (found != groups_.end()) {
        const auto& by_peer = found->second.by_peer;
        const auto first = by_peer.lower_bound(query.client.peer);
        auto at = by_peer.upper_bound(query.client.peer);
        for (std::size_t i = 0; i < look_back && at != first; ++i) {
            const auto& earlier = queries_.at((--at)->second);
            if (!same_asker(earlier, query)) continue;
            // TCP clients do not retransmit: each query gets a reply of its own.
            if (query.client.connection == 0 && earlier.id == query.id && earlier.type == query.type) return Put::joined;
            query.deadline = earlier.deadline;
        }
    }
    const std::size_t bytes = query.message.size() + overhead_bytes;
    const clients::ClientKey client = clients::client_of(query.client.peer);
    clients::Shares& shares = alike(query);
    if (!shares.may_take(client, number_max) || bytes_ + bytes > bytes_max_) return Put::full;
    auto place = found;
    if (place == groups_.end()) {
        Group fresh;  // complete before it is in the table: a group without a query would stay there
        fresh.need = query.need;
        fresh.stamp = stamp;
        fresh.announced = query.arrived;
        place = groups_.emplace(key(query.need), std::move(fresh)).first;
    }
    Group& group = place->second;
    const auto number = next_++;
    bool counted = false;
    const Now deadline = query.deadline;
    const Endpoint peer = query.client.peer;
    try {
        group.numbers.push_back(number);
        group.by_peer.emplace(peer, number);
        by_deadline_.emplace(deadline, number);
        shares.take(client);
        counted = true;
        queries_.emplace(number, std::move(query));
    } catch (const std::bad_alloc&) {  // a query is in all tables or in none
        if (counted) shares.give_back(client);
        by_deadline_.erase({deadline, number});
        forget(group, peer, number);
        if (group.numbers.empty()) groups_.erase(place);
        throw;
    }
    bytes_ += bytes;
    return Put::held;
}

void Waiting::forget(Group& group, const Endpoint& peer, std::uint64_t number) {
    std::erase(group.numbers, number);
    const auto [first, last] = group.by_peer.equal_range(peer);
    for (auto at = first; at != last; ++at) {
        if (at->second != number) continue;
        group.by_peer.erase(at);
        return;
    }
}

WaitingQuery Waiting::take_out(std::uint64_t number) {
    const auto found = queries_.find(number);
    WaitingQuery query = std::move(found->second);
    queries_.erase(found);
    by_deadline_.erase({query.deadline, number});
    bytes_ -= query.message.size() + overhead_bytes;
    alike(query).give_back(clients::client_of(query.client.peer));
    return query;
}

void Waiting::take_with_group(std::uint64_t number, std::vector<WaitingQuery>& into) {
    // What needs memory comes first: a query that is taken out is not lost.
    const auto group = groups_.find(key(queries_.at(number).need));
    if (into.size() == into.capacity()) into.reserve(2 * into.size() + 1);
    into.push_back(take_out(number));
    forget(group->second, into.back().client.peer, number);
    if (group->second.numbers.empty()) groups_.erase(group);
}

bool Waiting::announce(const catalog::Need& need, Now now) {
    const auto found = groups_.find(key(need));
    if (found == groups_.end()) return true;
    if (need.kind != catalog::Need::Kind::leader || now - found->second.announced < announce_again_after) return false;
    found->second.announced = now;
    return true;
}

std::vector<WaitingQuery> Waiting::take_due(Now now) {
    std::vector<WaitingQuery> due;
    try {
        while (!by_deadline_.empty() && by_deadline_.begin()->first <= now) take_with_group(by_deadline_.begin()->second, due);
    } catch (const std::bad_alloc&) {  // the others are still due
    }
    return due;
}

void Waiting::drop_connection(std::uint64_t connection) {
    if (connection == 0 || queries_.empty()) return;
    std::vector<std::uint64_t> gone;
    for (const auto& [number, query] : queries_)
        if (query.client.connection == connection) gone.push_back(number);
    std::vector<WaitingQuery> dropped;
    for (const auto number : gone) take_with_group(number, dropped);
}

std::vector<WaitingQuery> Waiting::take_all() {
    std::vector<WaitingQuery> all;
    try {
        while (!by_deadline_.empty()) take_with_group(by_deadline_.begin()->second, all);
    } catch (const std::bad_alloc&) {  // the others end at their deadlines
    }
    return all;
}

}  // namespace lictor::core
