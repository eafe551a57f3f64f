// Book-keeping of the waiting table: by number, by need, by deadline.
#include "resolver/core/waiting.hpp"

#include <algorithm>

namespace lictor {
namespace {

constexpr std::size_t look_back = 64;          // of one port: a pair of questions or a retransmission comes close behind the first
constexpr std::size_t overhead_bytes = 320;    // of the table itself, per question
constexpr Now tell_again_after = seconds(1);   // whoever acts while somebody waits must know that somebody still does

bool same_asker(const WaitingQuestion& a, const WaitingQuestion& b) { return a.client == b.client && a.lower == b.lower; }

}  // namespace

std::string Waiting::key(const Need& need) {
    return std::string(1, static_cast<char>('0' + static_cast<int>(need.kind))) + service_key(need.name, need.datacenter);
}

Waiting::Put Waiting::put(WaitingQuestion question, std::uint64_t stamp, std::size_t number_max) {
    const auto found = groups_.find(key(question.need));
    if (found != groups_.end()) {
        const auto& by_peer = found->second.by_peer;
        const auto first = by_peer.lower_bound(question.client.peer);
        auto at = by_peer.upper_bound(question.client.peer);
        for (std::size_t i = 0; i < look_back && at != first; ++i) {
            const auto& earlier = questions_.at((--at)->second);
            if (!same_asker(earlier, question)) continue;
            // Over TCP nothing is sent twice: each question is owed a reply of its own.
            if (question.client.connection == 0 && earlier.id == question.id && earlier.type == question.type) return Put::joined;
            question.deadline = earlier.deadline;
        }
    }
    const std::size_t bytes = question.message.size() + overhead_bytes;
    const std::size_t alike = question.leader_gap ? gap_questions_ : questions_.size() - gap_questions_;
    if (alike >= number_max || bytes_ + bytes > bytes_max_) return Put::full;
    Group& group = found != groups_.end() ? found->second : groups_[key(question.need)];
    if (found == groups_.end()) {
        group.need = question.need;
        group.stamp = stamp;
        group.told = question.arrived;
    }
    const auto number = next_++;
    bytes_ += bytes;
    gap_questions_ += question.leader_gap ? 1 : 0;
    group.numbers.push_back(number);
    group.by_peer.emplace(question.client.peer, number);
    by_deadline_.emplace(question.deadline, number);
    questions_.emplace(number, std::move(question));
    return Put::held;
}

WaitingQuestion Waiting::take_out(std::uint64_t number) {
    const auto found = questions_.find(number);
    WaitingQuestion question = std::move(found->second);
    questions_.erase(found);
    by_deadline_.erase({question.deadline, number});
    bytes_ -= question.message.size() + overhead_bytes;
    gap_questions_ -= question.leader_gap ? 1 : 0;
    return question;
}

void Waiting::take_with_group(std::uint64_t number, std::vector<WaitingQuestion>& into) {
    WaitingQuestion question = take_out(number);
    const auto group = groups_.find(key(question.need));
    auto& numbers = group->second.numbers;
    numbers.erase(std::find(numbers.begin(), numbers.end(), number));
    const auto [from, to] = group->second.by_peer.equal_range(question.client.peer);
    group->second.by_peer.erase(std::find_if(from, to, [number](const auto& each) { return each.second == number; }));
    if (numbers.empty()) groups_.erase(group);
    into.push_back(std::move(question));
}

bool Waiting::tell(const Need& need, Now now) {
    const auto found = groups_.find(key(need));
    if (found == groups_.end()) return true;
    if (need.kind != Need::Kind::leader || now - found->second.told < tell_again_after) return false;
    found->second.told = now;
    return true;
}

std::vector<WaitingQuestion> Waiting::take_due(Now now) {
    std::vector<WaitingQuestion> due;
    while (!by_deadline_.empty() && by_deadline_.begin()->first <= now) take_with_group(by_deadline_.begin()->second, due);
    return due;
}

void Waiting::forget(std::uint64_t connection) {
    if (connection == 0 || questions_.empty()) return;
    std::vector<std::uint64_t> gone;
    for (const auto& [number, question] : questions_)
        if (question.client.connection == connection) gone.push_back(number);
    std::vector<WaitingQuestion> dropped;
    for (const auto number : gone) take_with_group(number, dropped);
}

std::vector<WaitingQuestion> Waiting::take_all() {
    std::vector<WaitingQuestion> all;
    while (!by_deadline_.empty()) take_with_group(by_deadline_.begin()->second, all);
    return all;
}

}  // namespace lictor
