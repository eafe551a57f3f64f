// When is the holder of the lock asked for its role, and what does its answer mean? Patroni writes the role of a new leader into Consul a
// second or so after PostgreSQL has left recovery; `GET <api_url>` tells it at once, because its body carries the role from a query
// (pg_is_in_recovery), while the status code of /primary only repeats the lock. Asked only while somebody waits, at most once at a time,
// every 50 ms with jitter, more rarely where nobody answers. A reply counts for the holder and the lock that it was asked under; whether
// those still stand is judged by the fusion. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "conf/base/clock.hpp"
#include "conf/base/random.hpp"
#include "watch/leader.hpp"

namespace lictor {

struct ProbeFinding {
    enum class Kind : std::uint8_t {
        primary,  ///< this member of this scope runs as primary
        not_yet,  ///< it does not
        foreign,  ///< somebody else answered, or something that is no Patroni
        failed,   ///< no answer that could be read
    } kind = Kind::failed;
    std::string why;  ///< for people
};

/// The body of `GET /patroni` of every version: `state`, `role`, `patroni.scope`, and from 3.x on `patroni.name`.
ProbeFinding judge_rest_reply(const UnprovenHolder& holder, int status, std::string_view body);

class Probe {
public:
    /// Whom to ask; none: nobody. Another holder, lock or address begins anew.
    void aim(std::optional<UnprovenHolder> holder, Now now);
    /// Somebody waits, at least until then.
    void wanted(Now until) { wanted_until_ = std::max(wanted_until_, until); }
    /// When to ask next; none: not at all as things stand.
    std::optional<Now> next() const;
    /// Every call is taken as asked.
    UnprovenHolder ask(Now now);
    /// The question asked last has ended.
    void ended(ProbeFinding::Kind kind, Now now, Random& random);

    const std::optional<UnprovenHolder>& holder() const { return holder_; }
    bool asking() const { return asking_; }

private:
    std::optional<UnprovenHolder> holder_;
    Now aimed_at_{}, next_at_{}, wanted_until_{}, asked_at_{};
    bool asking_ = false;
    unsigned failures_ = 0;  ///< in a row
};

}  // namespace lictor
