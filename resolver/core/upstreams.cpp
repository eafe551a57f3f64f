// Health as a few numbers for each upstream, and the choice made from them.
#include "resolver/core/upstreams.hpp"

#include <algorithm>

namespace lictor {
namespace {

/// A recursive upstream answers in well under a millisecond from its cache and in some 100 ms when it must ask: a floor below that would
/// ask every cold name twice.
constexpr microseconds patience_min = milliseconds(200);
constexpr microseconds patience_max = milliseconds(800);
constexpr microseconds patience_unknown = milliseconds(400);
constexpr unsigned faults_until_down = 3;
constexpr microseconds pause_first = seconds(1);
constexpr microseconds pause_max = seconds(30);
constexpr microseconds plain_period = seconds(600);
constexpr std::uint8_t tries_max = 3, tries_max_unreachable = 2;

}  // namespace

microseconds Target::patience() const {
    if (report_.rtt == microseconds{0}) return patience_unknown;
    return std::clamp<microseconds>(report_.rtt + 4 * deviation_, patience_min, patience_max);
}

void Target::alive() {
    ++report_.answered;
    faults_ = 0;
    pause_ = microseconds{0};
    down_until_ = Now{0};
}

void Target::answered(microseconds rtt) {
    alive();
    rtt = std::max(rtt, microseconds{1});
    if (report_.rtt == microseconds{0}) {
        report_.rtt = rtt;
        deviation_ = rtt / 2;
        return;
    }
    const microseconds off = rtt > report_.rtt ? rtt - report_.rtt : report_.rtt - rtt;
    deviation_ = (3 * deviation_ + off) / 4;
    report_.rtt = std::max(microseconds{1}, (7 * report_.rtt + rtt) / 8);
}

void Target::timed_out(Now now) {
    ++report_.timeouts;
    fault(now);
}

void Target::unreachable(Now now) {
    ++report_.failed;
    fault(now);
}

void Target::fault(Now now) {
    // Many questions in flight find out about one and the same outage: it counts once for each pause.
    if (down(now) || ++faults_ < faults_until_down) return;
    pause_ = pause_ == microseconds{0} ? pause_first : std::min<microseconds>(pause_ * 2, pause_max);
    down_until_ = now + pause_;
}

void Target::learned_plain(Now now) { plain_until_ = now + plain_period; }

UpstreamReport Target::report(Now now) const {
    UpstreamReport report = report_;
    report.endpoint = upstream_.endpoint;
    report.down = down(now);
    return report;
}

std::optional<std::size_t> pick(const Group& group, std::span<const Tried> tried, bool strict_order, Now now) {
    // Smaller is better, first thing first: untried before tried, up before down, last good first, then as configured.
    struct Rank {
        std::uint8_t times;
        Now down_until;
        std::size_t order;
        auto operator<=>(const Rank&) const = default;
    };
    std::optional<std::size_t> best;
    Rank best_rank{};
    for (std::size_t i = 0; i < group.members.size(); ++i) {
        if (tried[i].useless || tried[i].times >= (tried[i].unreachable ? tries_max_unreachable : tries_max)) continue;
        const Target& target = *group.members[i];
        const bool first = !strict_order && i == group.last_good;
        const Rank rank{tried[i].times, target.down(now) ? target.down_until() : Now{0}, first ? 0 : i + 1};
        if (!best || rank < best_rank) best = i, best_rank = rank;
    }
    return best;
}

void Upstreams::adopt(const Rules& rules) {
    std::vector<std::shared_ptr<Target>> targets;
    for (const Upstream& upstream : rules.upstreams) {
        const auto known = std::find_if(targets_.begin(), targets_.end(), [&](const auto& target) { return target->upstream() == upstream; });
        targets.push_back(known != targets_.end() ? *known : std::make_shared<Target>(upstream));
    }
    targets_ = std::move(targets);
    groups_.clear();
    agent_.reset();
    default_.reset();
    default_route_ = default_route(rules);
    const auto make = [&](const UpstreamGroup& of) {
        auto group = std::make_shared<Group>();
        for (const std::uint32_t index : of.members)
            if (index < targets_.size()) group->members.push_back(targets_[index]);
        if (!of.local_only && !group->members.empty()) groups_.emplace(&of, std::move(group));
    };
    for (const auto& [domain, group] : rules.routes) make(group);
    for (const auto& [domain, group] : rules.starred_routes) make(group);
    if (rules.dotless) make(*rules.dotless);
    if (const auto found = groups_.find(default_route_); found != groups_.end()) default_ = found->second;
    if (rules.agent_dns && *rules.agent_dns < targets_.size()) {
        agent_ = std::make_shared<Group>();
        agent_->members.push_back(targets_[*rules.agent_dns]);
        agent_->agent = true;
    }
}

const std::shared_ptr<Group>& Upstreams::group(const UpstreamGroup* of) const {
    if (of == default_route_) return default_;
    const auto found = groups_.find(of);
    return found == groups_.end() ? none_ : found->second;
}

std::vector<UpstreamReport> Upstreams::reports(Now now) const {
    std::vector<UpstreamReport> reports;
    for (const auto& target : targets_) reports.push_back(target->report(now));
    return reports;
}

}  // namespace lictor
