// When is the holder of the lock asked for its role, and what does its reply mean? Patroni writes the role of a new leader into Consul
// about a second after PostgreSQL has left recovery. `GET <api_url>` shows it at once: its body has the role from a query
// (pg_is_in_recovery), while the status code of /primary only repeats the lock. One probe at a time, only while a query is held, every
// 50 ms with jitter, less often after failures. A reply counts for the holder and the lock of its request; LeaderFusion checks that both
// are still the present ones. Pure.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "conf/base/clock.hpp"
#include "conf/base/random.hpp"
#include "watch/leader/leader.hpp"

namespace lictor::leader {

/// The meaning of one reply.
struct ProbeFinding {
    enum class Kind : std::uint8_t {
        primary,  ///< the member runs as primary
        not_yet,  ///< the member replied, and does not run as primary
        foreign,  ///< another member replied, or a program that is not Patroni
        failed,   ///< no reply, or a status other than 200
    } kind = Kind::failed;
    std::string why;  ///< for the log; printable
};

/// Judges the reply to `GET /patroni`. Every version writes `state`, `role` and `patroni.scope`; 3.x and later also `patroni.name`.
ProbeFinding judge_rest_reply(const UnconfirmedHolder& holder, int status, std::string_view body);

/// The pace of the probes of one scope. A value: no I/O, no clock.
class Probe {
public:
    /// The member to ask; none: stop. Another holder, lock or address begins again.
    void aim(std::optional<UnconfirmedHolder> holder, Now now);
    /// A query is held until `until`.
    void needed_until(Now until) { needed_until_ = std::max(needed_until_, until); }
    /// No query is held any more.
    void released() { needed_until_ = {}; }
    /// When to send the next probe; none = not at present.
    std::optional<Now> next() const;
    /// The caller must send the probe. Requires a holder.
    UnconfirmedHolder ask(Now now);
    /// The probe of the last `ask` has ended. Ignored if `aim` has changed the holder since.
    void ended(ProbeFinding::Kind kind, Now now, Random& random);

    /// The holder of the last `aim`.
    const std::optional<UnconfirmedHolder>& holder() const { return holder_; }

private:
    std::optional<UnconfirmedHolder> holder_;
    Now aimed_at_{}, next_at_{}, needed_until_{}, asked_at_{};
    bool asking_ = false;
    unsigned failures_ = 0;  ///< in a row
};

}  // namespace lictor::leader
