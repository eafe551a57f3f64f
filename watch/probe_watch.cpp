// The turn of a probe: wait for its time, ask, judge, hand over.
#include "watch/probe_watch.hpp"

#include <algorithm>
#include <utility>

#include "conf/log.hpp"

namespace lictor {
namespace {

constexpr milliseconds exchange_max{1000};
/// The look-up of the member's host name included.
constexpr Now patience = milliseconds(1500);

}  // namespace

ProbeWatch::ProbeWatch(Loop& loop, Rest& rest, Random& random, ControlCounters& counters, std::function<void(const UnprovenHolder&)> proved)
    : rest_(rest), random_(random), counters_(counters), proved_(std::move(proved)), timer_(loop, [this] { on_timer(); }) {}

ProbeWatch::~ProbeWatch() {
    if (ticket_) rest_.cancel(ticket_);
}

void ProbeWatch::aim(std::optional<UnprovenHolder> holder) {
    if (holder == probe_.holder()) return;
    if (ticket_) rest_.cancel(std::exchange(ticket_, 0));
    said_ = false;
    probe_.aim(std::move(holder), Loop::now());
    arm();
}

void ProbeWatch::wanted(microseconds during) {
    probe_.wanted(Loop::now() + during);
    arm();
}

void ProbeWatch::arm() {
    const Now now = Loop::now();
    if (ticket_) timer_.start(std::max(give_up_at_ - now, Now{0}));
    else if (const auto at = probe_.next()) timer_.start(std::max(*at - now, Now{0}));
    else timer_.stop();
}

void ProbeWatch::on_timer() {
    if (ticket_) {
        if (Loop::now() < give_up_at_) return arm();
        rest_.cancel(std::exchange(ticket_, 0));
        return ended({ProbeFinding::Kind::failed, "no answer in time"});
    }
    const auto at = probe_.next();
    if (at && *at <= Loop::now()) ask();
    arm();
}

void ProbeWatch::ask() {
    const Now now = Loop::now();
    const auto holder = probe_.ask(now);
    give_up_at_ = now + patience;
    counters_.leader_probes.add();
    ticket_ = rest_.get(holder.api_url, exchange_max, [this](const HttpReply& reply) {
        ticket_ = 0;
        on_reply(reply);
    });
}

void ProbeWatch::on_reply(const HttpReply& reply) {
    const auto holder = probe_.holder();
    if (!holder) return;
    const auto finding = reply.status == 0 ? ProbeFinding{ProbeFinding::Kind::failed, reply.error} : judge_rest_reply(*holder, reply.status, reply.body);
    ended(finding);
    if (finding.kind != ProbeFinding::Kind::primary) return;
    counters_.leader_probe_proofs.add();
    proved_(*holder);  // the last word: it may aim anew
}

void ProbeWatch::ended(const ProbeFinding& finding) {
    probe_.ended(finding.kind, Loop::now(), random_);
    if (finding.kind == ProbeFinding::Kind::failed || finding.kind == ProbeFinding::Kind::foreign) {
        counters_.leader_probe_failures.add();
        say(finding);
    }
    arm();
}

/// Once for each holder: the answer then comes when Patroni writes the role into Consul.
void ProbeWatch::say(const ProbeFinding& finding) {
    if (std::exchange(said_, true)) return;
    const auto& holder = *probe_.holder();
    log::info("leader scope=" + log::printable(holder.scope) + " probe of member=" + log::printable(holder.member) + " url=" +
              log::printable(holder.api_url) + " tells nothing: " + log::one_line(finding.why) +
              " (its role is waited for in Consul; leader-probe=off if its REST API cannot be reached from here)");
}

}  // namespace lictor
