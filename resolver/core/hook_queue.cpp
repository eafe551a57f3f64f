// Merging, and the variables.
#include "resolver/core/hook_queue.hpp"

#include <algorithm>

namespace lictor {
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

bool HookQueue::push(const LeaderNews& news) {
    if (!news.leads) return false;
    const auto same = std::find_if(waiting_.begin(), waiting_.end(), [&](const auto& run) { return run.news.service == news.service; });
    if (same == waiting_.end()) {
        if (news.old_leader == news.new_leader) return false;  // the same one leads again
        waiting_.push_back({news, {}});
        return false;
    }
    const auto& passed = same->news.new_leader.address;
    if (same->skipped.size() < skipped_max && std::find(same->skipped.begin(), same->skipped.end(), passed) == same->skipped.end())
        same->skipped.push_back(passed);
    const LeaderSeat told_last = same->news.old_leader;
    same->news = news;
    same->news.old_leader = told_last;
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
    const auto& news = run.news;
    std::vector<std::string> lines;
    const auto add = [&lines](const char* name, std::string_view value) { lines.push_back(std::string("LICTOR_") + name + '=' + clean(value)); };
    const auto number = [](std::uint64_t value) { return value ? std::to_string(value) : std::string(); };
    add("SCOPE", news.scope);
    add("SERVICE", news.service);
    add("OLD_NAME", news.old_leader.member);
    add("OLD_ADDRESS", news.old_leader.address);
    add("OLD_PORT", number(news.old_leader.port));
    add("NEW_NAME", news.new_leader.member);
    add("NEW_ADDRESS", news.new_leader.address);
    add("NEW_PORT", number(news.new_leader.port));
    add("REASON", news.reason);
    add("TIMELINE", news.timeline ? std::to_string(*news.timeline) : "");
    add("SERIAL", number(news.serial));
    std::string skipped;
    for (const auto& address : run.skipped)
        if (address != news.new_leader.address && address != news.old_leader.address) skipped += (skipped.empty() ? "" : " ") + clean(address);
    add("SKIPPED_ADDRESSES", skipped);
    return lines;
}

}  // namespace lictor
