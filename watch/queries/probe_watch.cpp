// Implements the cycle of a probe: wait, send, judge, report.
#include "watch/queries/probe_watch.hpp"

#include <algorithm>
#include <utility>

#include "conf/base/printable.hpp"
#include "conf/log/log.hpp"
#include "conf/metrics/metrics.hpp"

namespace lictor::queries {
namespace {

constexpr milliseconds exchange_max{1000};
/// Bound of a probe, with the resolution of the member's host name.
constexpr Now give_up_after = milliseconds(1500);

}  // namespace

ProbeWatch::ProbeWatch(loop::Loop& loop, http::Rest& rest, Random& random, metrics::ControlCounters& counters,
                       std::function<void(const leader::UnconfirmedHolder&)> confirmed)
    : rest_(rest), random_(random), counters_(counters), confirmed_(std::move(confirmed)), timer_(loop, [this] { on_timer(); }) {}

ProbeWatch::~ProbeWatch() {
    if (ticket_) rest_.cancel(ticket_);
}

void ProbeWatch::aim(std::optional<leader::UnconfirmedHolder> holder) {
    if (holder == probe_.holder()) return;
    if (ticket_) rest_.cancel(std::exchange(ticket_, 0));
    logged_ = false;
    probe_.aim(std::move(holder), loop::Loop::now());
    arm();
}

void ProbeWatch::needed_for(microseconds during) {
    probe_.needed_until(loop::Loop::now() + during);
    arm();
}

void ProbeWatch::arm() {
    const Now now = loop::Loop::now();
    if (ticket_) timer_.start(std::max(give_up_at_ - now, Now{0}));
    else if (const auto at = probe_.next()) timer_.start(std::max(*at - now, Now{0}));
    else timer_.stop();
}

void ProbeWatch::on_timer() {
    if (ticket_) {
        if (loop::Loop::now() < give_up_at_) return arm();
        rest_.cancel(std::exchange(ticket_, 0));
        return ended({leader::ProbeFinding::Kind::failed, "no reply within 1.5 s"});
    }
    const auto at = probe_.next();
    if (at && *at <= loop::Loop::now()) ask();
    arm();
}

void ProbeWatch::ask() {
    const Now now = loop::Loop::now();
    const auto holder = probe_.ask(now);
    give_up_at_ = now + give_up_after;
    counters_.leader_probes.add();
    ticket_ = rest_.get(holder.api_url, exchange_max, [this](const polling::HttpReply& reply) {
        ticket_ = 0;
        on_reply(reply);
    });
}

void ProbeWatch::on_reply(const polling::HttpReply& reply) {
    const auto holder = probe_.holder();
    if (!holder) return;
    const auto finding = reply.status == 0 ? leader::ProbeFinding{leader::ProbeFinding::Kind::failed, reply.error}
                                           : leader::judge_rest_reply(*holder, reply.status, reply.body);
    ended(finding);
    if (finding.kind != leader::ProbeFinding::Kind::primary) return;
    counters_.leader_probe_proofs.add();
    confirmed_(*holder);  // last, because it may call `aim`
}

void ProbeWatch::ended(const leader::ProbeFinding& finding) {
    probe_.ended(finding.kind, loop::Loop::now(), random_);
    if (finding.kind == leader::ProbeFinding::Kind::failed || finding.kind == leader::ProbeFinding::Kind::foreign) {
        counters_.leader_probe_failures.add();
        log_failure(finding);
    }
    arm();
}

/// Once for each holder.
void ProbeWatch::log_failure(const leader::ProbeFinding& finding) {
    if (std::exchange(logged_, true)) return;
    const auto& holder = *probe_.holder();
    log::info("leader scope=" + printable(holder.scope) + " probe of member=" + printable(holder.member) +
              " url=" + printable(holder.api_url) + " failed: " + one_line(finding.why) +
              " (lictor waits for its role in Consul; set leader-probe=off if its REST API cannot be reached from here)");
}

}  // namespace lictor::queries
