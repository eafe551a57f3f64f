// Sends the probes of one scope at the times of leader::Probe, ends those that take too long, and reports a confirmed promotion.
// Used on the control thread only.
#pragma once

#include <functional>
#include <optional>

#include "conf/metrics/metrics_fwd.hpp"
#include "watch/http/rest.hpp"
#include "watch/leader/probe.hpp"

namespace lictor::queries {

class ProbeWatch {
public:
    /// `confirmed` is called when the holder's REST API reported primary; the holder is the one of the last `aim`.
    ProbeWatch(loop::Loop& loop, http::Rest& rest, Random& random, metrics::ControlCounters& counters,
               std::function<void(const leader::UnconfirmedHolder&)> confirmed);
    ~ProbeWatch();
    ProbeWatch(const ProbeWatch&) = delete;
    ProbeWatch& operator=(const ProbeWatch&) = delete;

    /// The member to ask; none: stop.
    void aim(std::optional<leader::UnconfirmedHolder> holder);
    /// A query is held, for up to `during` from now.
    void needed_for(microseconds during);
    /// No query is held any more.
    void released() { probe_.released(); }

private:
    void arm();
    void on_timer();
    void ask();
    void on_reply(const polling::HttpReply& reply);
    void ended(const leader::ProbeFinding& finding);
    void log_failure(const leader::ProbeFinding& finding);

    http::Rest& rest_;
    Random& random_;
    metrics::ControlCounters& counters_;
    std::function<void(const leader::UnconfirmedHolder&)> confirmed_;
    leader::Probe probe_;
    http::Rest::Ticket ticket_ = 0;
    Now give_up_at_{};
    bool logged_ = false;  ///< a failure of this holder
    loop::Timer timer_;
};

}  // namespace lictor::queries
