// Performs the probes of one scope: asks by REST when probe.hpp says so, gives up in time, hands over what proves a promotion.
#pragma once

#include <functional>
#include <optional>

#include "conf/metrics.hpp"
#include "watch/probe.hpp"
#include "watch/rest.hpp"

namespace lictor {

class ProbeWatch {
public:
    /// `proved`: the member said primary; asked and answered while `aim` named that holder.
    ProbeWatch(Loop& loop, Rest& rest, Random& random, ControlCounters& counters, std::function<void(const UnprovenHolder&)> proved);
    ~ProbeWatch();
    ProbeWatch(const ProbeWatch&) = delete;
    ProbeWatch& operator=(const ProbeWatch&) = delete;

    void aim(std::optional<UnprovenHolder> holder);
    void wanted(microseconds during);

private:
    void arm();
    void on_timer();
    void ask();
    void on_reply(const HttpReply& reply);
    void ended(const ProbeFinding& finding);
    void say(const ProbeFinding& finding);

    Rest& rest_;
    Random& random_;
    ControlCounters& counters_;
    std::function<void(const UnprovenHolder&)> proved_;
    Probe probe_;
    Rest::Ticket ticket_ = 0;
    Now give_up_at_{};
    bool said_ = false;  ///< of this holder: why it cannot be asked
    Timer timer_;
};

}  // namespace lictor
