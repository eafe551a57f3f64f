// The health of each upstream as a few numbers, and the choice between upstreams.
#include "resolver/forward/upstreams.hpp"

#include <algorithm>

#include "resolver/rules/rules.hpp"

namespace lictor::forward {
namespace {

/// A recursive upstream answers from its cache in less than a millisecond, else in some 100 ms. With a lower minimum, each name that is not
/// in its cache would be asked twice.
constexpr microseconds wait_min = milliseconds(200);
constexpr microseconds wait_max = milliseconds(800);
constexpr microseconds wait_unknown = milliseconds(400);
constexpr microseconds retry_max = seconds(3);
constexpr microseconds retry_unknown = seconds(1);
constexpr microseconds restart_max = seconds(10);      ///< a restart of an upstream takes less
constexpr microseconds unreachable_gap = seconds(30);  ///< failures further apart are not of the same outage
constexpr unsigned faults_until_down = 3;
constexpr microseconds pause_first = seconds(1);
constexpr microseconds pause_max = seconds(30);
constexpr microseconds plain_period = seconds(600);
constexpr std::uint8_t tries_max = 3, tries_max_unreachable = 2;

}  // namespace

microseconds Target::wait_limit() const {
    if (report_.rtt == microseconds{0}) return wait_unknown;
    return std::clamp<microseconds>(report_.rtt + 4 * deviation_, wait_min, wait_max);
}

microseconds Target::retry_limit() const {
    if (report_.rtt == microseconds{0}) return retry_unknown;
    return std::clamp<microseconds>(report_.rtt + 4 * deviation_, wait_min, retry_max);
}

bool Target::may_come_back(Now now) const {
    return !unreachable_since_ || now - last_unreachable_ > unreachable_gap || now - *unreachable_since_ < restart_max;
}

void Target::alive(Now now) {
    ++report_.answered;
    report_.last_reply = now;
    unreachable_since_.reset();
    faults_ = 0;
    pause_ = microseconds{0};
    down_until_ = Now{0};
}

void Target::answered(microseconds rtt, Now now) {
    alive(now);
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
    if (!unreachable_since_ || now - last_unreachable_ > unreachable_gap) unreachable_since_ = now;
    last_unreachable_ = now;
    fault(now);
}

void Target::fault(Now now) {
    report_.last_fault = now;
    // Many queries in flight meet the same outage; it counts once for each pause.
    if (down(now) || ++faults_ < faults_until_down) return;
    pause_ = pause_ == microseconds{0} ? pause_first : std::min<microseconds>(pause_ * 2, pause_max);
    down_until_ = now + pause_;
}

void Target::learned_plain(Now now) { plain_until_ = now + plain_period; }

void add_report(std::vector<UpstreamReport>& sums, const UpstreamReport& report) {
    const auto same = std::find_if(sums.begin(), sums.end(), [&](const auto& row) { return row.endpoint == report.endpoint; });
    if (same == sums.end()) {
        sums.push_back(report);
        return;
    }
    same->sent += report.sent;
    same->answered += report.answered;
    same->failed += report.failed;
    same->timeouts += report.timeouts;
    same->refused += report.refused;
    same->nxdomain += report.nxdomain;
    same->responses.add(report.responses);
    same->rtt = std::max(same->rtt, report.rtt);
    same->down = same->down || report.down;
    same->last_reply = std::max(same->last_reply, report.last_reply);
    same->last_fault = std::max(same->last_fault, report.last_fault);
    same->failing = (same->failing || report.failing) && same->last_fault > same->last_reply;
}

UpstreamReport Target::report(Now now) const {
    UpstreamReport report = report_;
    report.endpoint = upstream_.endpoint;
    report.down = down(now);
    report.failing = faults_ >= faults_until_down;
    return report;
}

std::optional<std::size_t> pick(const Group& group, std::span<const Tried> tried, bool strict_order, Now now) {
    // The smallest rank is chosen, by: fewest attempts, up before down, the last good one first, then the configured order.
    struct Rank {
        std::uint8_t times;
        Now down_until;
        std::size_t order;
        auto operator<=>(const Rank&) const = default;
    };
    std::optional<std::size_t> best;
    Rank best_rank{};
    for (std::size_t i = 0; i < group.members.size(); ++i) {
        const Target& target = *group.members[i];
        const bool restarts = tried[i].unreachable && target.may_come_back(now);
        const std::uint8_t most = tried[i].unreachable ? tries_max_unreachable : tries_max;
        if (tried[i].useless || (!restarts && tried[i].times >= most)) continue;
        const bool first = !strict_order && i == group.last_good;
        const Rank rank{tried[i].times, target.down(now) ? target.down_until() : Now{0}, first ? 0 : i + 1};
        if (!best || rank < best_rank) best = i, best_rank = rank;
    }
    return best;
}

void Upstreams::adopt(const rules::Rules& rules) {
    Upstreams next;  // as a whole: without memory the old groups stay
    for (const rules::Upstream& upstream : rules.upstreams) {
        const auto known =
            std::find_if(targets_.begin(), targets_.end(), [&](const auto& target) { return target->upstream() == upstream; });
        next.targets_.push_back(known != targets_.end() ? *known : std::make_shared<Target>(upstream));
    }
    next.default_route_ = rules::default_route(rules);
    const auto make = [&](const rules::UpstreamGroup& of) {
        auto group = std::make_shared<Group>();
        for (const std::uint32_t index : of.members)
            if (index < next.targets_.size()) group->members.push_back(next.targets_[index]);
        if (!of.local_only && !group->members.empty()) next.groups_.emplace(&of, std::move(group));
    };
    for (const auto& [domain, group] : rules.routes) make(group);
    for (const auto& [domain, group] : rules.starred_routes) make(group);
    if (rules.dotless) make(*rules.dotless);
    if (const auto found = next.groups_.find(next.default_route_); found != next.groups_.end()) next.default_ = found->second;
    if (rules.agent_dns && *rules.agent_dns < next.targets_.size()) {
        next.agent_ = std::make_shared<Group>();
        next.agent_->members.push_back(next.targets_[*rules.agent_dns]);
        next.agent_->agent = true;
    }
    *this = std::move(next);
}

const std::shared_ptr<Group>& Upstreams::group(const rules::UpstreamGroup* of) const {
    if (of == default_route_) return default_;
    const auto found = groups_.find(of);
    return found == groups_.end() ? none_ : found->second;
}

std::vector<UpstreamReport> Upstreams::reports(Now now) const {
    std::vector<UpstreamReport> reports;
    for (const auto& target : targets_) reports.push_back(target->report(now));
    return reports;
}

}  // namespace lictor::forward
