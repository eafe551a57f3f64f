// Decides when probes are sent, and judges their replies.
#include "watch/leader/probe.hpp"

#include <algorithm>
#include <utility>

#include "conf/base/printable.hpp"
#include "watch/json/tree.hpp"

namespace lictor::leader {
namespace {

constexpr microseconds pace = milliseconds(50);
/// Most promotions take tens of milliseconds; after this time probes are less frequent.
constexpr Now slow_after = seconds(10);
constexpr microseconds pace_slow = milliseconds(250), pace_failing_max = milliseconds(1000);

}  // namespace

ProbeFinding judge_rest_reply(const UnconfirmedHolder& holder, int status, std::string_view body) {
    using Kind = ProbeFinding::Kind;
    if (status != 200) return {Kind::failed, "status " + std::to_string(status)};
    const auto tree = json::read_json(body, "status");
    if (!tree || !tree->root().is_object()) return {Kind::foreign, "the body is not a JSON object"};
    const json::JsonValue root = tree->root(), patroni = root.get("patroni");
    const auto scope = patroni.get("scope").text();
    if (!scope) return {Kind::foreign, "the body names no scope"};
    if (*scope != holder.scope) return {Kind::foreign, "it belongs to the scope " + printable(*scope)};
    if (const auto name = patroni.get("name").text(); name && *name != holder.member)
        return {Kind::foreign, "it is the member " + printable(*name)};
    // If the query fails, Patroni writes the role that it assumes, with another state.
    const std::string_view state = root.get("state").text_or_empty(), role = root.get("role").text_or_empty();
    if (state == "running" && (role == "primary" || role == "master")) return {Kind::primary, {}};
    return {Kind::not_yet, printable(role) + '/' + printable(state)};
}

void Probe::aim(std::optional<UnconfirmedHolder> holder, Now now) {
    if (holder == holder_) return;
    holder_ = std::move(holder);
    asking_ = false;
    failures_ = 0;
    aimed_at_ = next_at_ = now;
}

std::optional<Now> Probe::next() const {
    if (!holder_ || asking_ || next_at_ > needed_until_) return std::nullopt;
    return next_at_;
}

UnconfirmedHolder Probe::ask(Now now) {
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
    // Jitter of a fifth, so that many lictors do not probe at the same time.
    const auto fifth = static_cast<std::uint32_t>(apart.count() / 5);
    apart += microseconds(random.below(2 * fifth + 1)) - microseconds(fifth);
    next_at_ = std::max(asked_at_ + apart, now);
}

}  // namespace lictor::leader
