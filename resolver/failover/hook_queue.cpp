// Merges changes, and makes the variables of a run.
#include "resolver/failover/hook_queue.hpp"

#include <algorithm>

namespace lictor::failover {
namespace {

constexpr std::size_t skipped_max = 16;
constexpr std::size_t value_bytes_max = 255;

std::string clean(std::string_view text) {
    std::string value(text.substr(0, value_bytes_max));
    for (auto& c : value)
        if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) == 0x7f) c = '?';
    return value;
}

}  // namespace

bool HookQueue::push(const LeaderChange& change) {
    if (!change.leads) return false;
    const auto same = std::find_if(waiting_.begin(), waiting_.end(), [&](const auto& run) { return run.change.service == change.service; });
    if (same == waiting_.end()) {
        if (change.old_leader == change.new_leader) return false;  // the same leader again
        waiting_.push_back({change, {}});
        return false;
    }
    const auto& skipped = same->change.new_leader.address;
    if (same->skipped.size() < skipped_max && std::find(same->skipped.begin(), same->skipped.end(), skipped) == same->skipped.end())
        same->skipped.push_back(skipped);
    const LeaderAddress leader_of_last_run = same->change.old_leader;
    same->change = change;
    same->change.old_leader = leader_of_last_run;
    return true;
}

std::optional<HookRun> HookQueue::next() {
    if (busy_ || waiting_.empty()) return std::nullopt;
    busy_ = true;
    HookRun run = std::move(waiting_.front());
    waiting_.pop_front();
    return run;
}

std::vector<std::string> hook_environment(const HookRun& run) {
    const auto& change = run.change;
    std::vector<std::string> lines;
    const auto add = [&lines](const char* name, std::string_view value) {
        lines.push_back(std::string("LICTOR_") + name + '=' + clean(value));
    };
    const auto number = [](std::uint64_t value) { return value ? std::to_string(value) : std::string(); };
    add("SCOPE", change.scope);
    add("SERVICE", change.service);
    add("OLD_NAME", change.old_leader.member);
    add("OLD_ADDRESS", change.old_leader.address);
    add("OLD_PORT", number(change.old_leader.port));
    add("NEW_NAME", change.new_leader.member);
    add("NEW_ADDRESS", change.new_leader.address);
    add("NEW_PORT", number(change.new_leader.port));
    add("REASON", change.reason);
    add("TIMELINE", change.timeline ? std::to_string(*change.timeline) : "");
    add("SERIAL", number(change.serial));
    std::string skipped;
    for (const auto& address : run.skipped)
        if (address != change.new_leader.address && address != change.old_leader.address)
            skipped += (skipped.empty() ? "" : " ") + clean(address);
    lines.push_back("LICTOR_SKIPPED_ADDRESSES=" + skipped);  // not through `add`, which would cut the last address
    return lines;
}

}  // namespace lictor::failover
