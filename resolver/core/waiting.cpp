// Maintains the indexes of the waiting table: by number, by need and by deadline.
#include "resolver/core/waiting.hpp"

#include <algorithm>

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
    const std::size_t alike = query.leader_gap ? gap_queries_ : queries_.size() - gap_queries_;
    if (alike >= number_max || bytes_ + bytes > bytes_max_) return Put::full;
    Group& group = found != groups_.end() ? found->second : groups_[key(query.need)];
    if (found == groups_.end()) {
        group.need = query.need;
        group.stamp = stamp;
        group.announced = query.arrived;
    }
    const auto number = next_++;
    bytes_ += bytes;
    gap_queries_ += query.leader_gap ? 1 : 0;
    group.numbers.push_back(number);
    group.by_peer.emplace(query.client.peer, number);
    by_deadline_.emplace(query.deadline, number);
    queries_.emplace(number, std::move(query));
    return Put::held;
}

WaitingQuery Waiting::take_out(std::uint64_t number) {
    const auto found = queries_.find(number);
    WaitingQuery query = std::move(found->second);
    queries_.erase(found);
    by_deadline_.erase({query.deadline, number});
    bytes_ -= query.message.size() + overhead_bytes;
    gap_queries_ -= query.leader_gap ? 1 : 0;
    return query;
}

void Waiting::take_with_group(std::uint64_t number, std::vector<WaitingQuery>& into) {
    WaitingQuery query = take_out(number);
    const auto group = groups_.find(key(query.need));
    auto& numbers = group->second.numbers;
    numbers.erase(std::find(numbers.begin(), numbers.end(), number));
    const auto [from, to] = group->second.by_peer.equal_range(query.client.peer);
    group->second.by_peer.erase(std::find_if(from, to, [number](const auto& each) { return each.second == number; }));
    if (numbers.empty()) groups_.erase(group);
    into.push_back(std::move(query));
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
    while (!by_deadline_.empty() && by_deadline_.begin()->first <= now) take_with_group(by_deadline_.begin()->second, due);
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
    while (!by_deadline_.empty()) take_with_group(by_deadline_.begin()->second, all);
    return all;
}

}  // namespace lictor::core
