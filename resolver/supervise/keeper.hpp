// When does `lictor init` start lictor, and which nameservers does resolv.conf name meanwhile? Pure: the shell reports what happened to the
// process, asks what is due, does it, and asks again.
//
// lictor is started again at once if it had served for a while, else after a pause that doubles from one second to thirty. The engine's
// nameservers are written back when lictor is away for longer than a quick restart takes: names outside Consul go on to work, and a
// restart of a tenth of a second does not send one query of a leader's name to servers that do not know it.
#pragma once

#include <optional>

#include "conf/base/clock.hpp"

namespace lictor::supervise {

/// What the shell is to do now.
enum class Act {
    nothing,
    start,      ///< start lictor, and call `started`
    kill,       ///< lictor does not serve in time: end it; `ended` is called when it has
    take,       ///< make lictor the nameserver of resolv.conf
    give_back,  ///< write the engine's text into resolv.conf
};

/// The state of lictor's process and of resolv.conf. One thread.
class Keeper {
public:
    static constexpr Now serves_within = seconds(30);  ///< after its start
    static constexpr Now steady_after = seconds(10);   ///< having served for so long, it is started again at once
    static constexpr Now pause_min = seconds(1), pause_max = seconds(30);
    static constexpr Now quick_restart = seconds(2);  ///< for so long resolv.conf stays after an end, if lictor is started at once

    void started(Now now);
    /// lictor answers queries.
    void serving(Now now);
    /// lictor's process has ended, or could not be started.
    void ended(Now now);

    /// The next act that is due. `kill`, `take` and `give_back` count as done when they are returned; `start` when `started` is called.
    Act next(Now now);
    /// When something becomes due at the latest; nothing if that depends on an event.
    std::optional<Now> wakes() const;

    /// True once lictor has served.
    bool has_served() const { return served_; }
    /// How long lictor is away until it is started again; zero while it runs.
    Now pause(Now now) const;

private:
    enum class State { absent, starting, killed, serving } state_ = State::absent;
    Now since_{};     ///< of the state
    Now start_at_{};  ///< when absent
    Now pause_{};     ///< before the next start that follows a short run
    Now give_back_at_{};
    bool taken_ = false, served_ = false;
};

}  // namespace lictor::supervise
