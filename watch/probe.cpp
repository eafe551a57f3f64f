// Pace and judgement of probes.
#include "watch/probe.hpp"

#include <algorithm>
#include <utility>

#include "conf/log.hpp"
#include "watch/json_tree.hpp"

namespace lictor {
namespace {

constexpr microseconds pace = milliseconds(50);
/// A promotion takes tens of milliseconds, or minutes; one that takes longer than this is asked about more rarely.
constexpr Now slow_after = seconds(10);
constexpr microseconds pace_slow = milliseconds(250), pace_failing_max = milliseconds(1000);

}  // namespace

ProbeFinding judge_rest_reply(const UnprovenHolder& holder, int status, std::string_view body) {
    using Kind = ProbeFinding::Kind;
    if (status != 200) return {Kind::failed, "status " + std::to_string(status)};
    const auto tree = read_json(body, "status");
    if (!tree || !tree->root().is_object()) return {Kind::foreign, "the body is no JSON object"};
    const JsonValue root = tree->root(), patroni = root.get("patroni");
    const auto scope = patroni.get("scope").text();
    if (!scope) return {Kind::foreign, "the body names no scope"};
    if (*scope != holder.scope) return {Kind::foreign, "it belongs to the scope " + log::printable(*scope)};
    if (const auto name = patroni.get("name").text(); name && *name != holder.member) return {Kind::foreign, "it is the member " + log::printable(*name)};
    // While the query fails Patroni puts in what it believes, with another state.
    const std::string_view state = root.get("state").text_or_empty(), role = root.get("role").text_or_empty();
    if (state == "running" && (role == "primary" || role == "master")) return {Kind::primary, {}};
    return {Kind::not_yet, log::printable(role) + '/' + log::printable(state)};
}

void Probe::aim(std::optional<UnprovenHolder> holder, Now now) {
    if (holder == holder_) return;
    holder_ = std::move(holder);
    asking_ = false;
    failures_ = 0;
    aimed_at_ = next_at_ = now;
}

std::optional<Now> Probe::next() const {
    if (!holder_ || asking_ || next_at_ > wanted_until_) return std::nullopt;
    return next_at_;
}

UnprovenHolder Probe::ask(Now now) {
    asking_ = true;
    asked_at_ = now;
    return *holder_;
}

void Probe::ended(ProbeFinding::Kind kind, Now now, Random& random) {
    if (!std::exchange(asking_, false)) return;
    const bool failed = kind == ProbeFinding::Kind::failed || kind == ProbeFinding::Kind::foreign;
    failures_ = failed ? failures_ + 1 : 0;
    microseconds apart = now - aimed_at_ > slow_after ? pace_slow : pace;
    if (failed) apart = std::min(pace * (1u << std::min(failures_, 8u)), pace_failing_max);
    // A fifth more or less, so that many lictors do not ask in step.
    const auto fifth = static_cast<std::uint32_t>(apart.count() / 5);
    apart += microseconds(random.below(2 * fifth + 1)) - microseconds(fifth);
    next_at_ = std::max(asked_at_ + apart, now);
}

}  // namespace lictor
