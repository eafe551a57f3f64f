// The common code for a Patroni scope and a plain lock: when the answer has changed, and how long it is kept without contact. Pure.
#pragma once

#include <cstdint>
#include <optional>

#include "conf/base/clock.hpp"
#include "watch/catalog/catalog.hpp"

namespace lictor::leader {

/// Contact with Consul, as the read of the leader's own keys shows it.
enum class ConsulContact : std::uint8_t { lost, back };

/// An outage of Consul: the last leader is kept for `leader-max-stale` after the last read.
class Outage {
public:
    /// The keys were read.
    void on_read(Now now) { last_read_ = now; }
    /// `max_stale`: leader-max-stale; 0 = no bound.
    void on_contact(ConsulContact contact, Now now, seconds max_stale) {
        const bool lost = contact == ConsulContact::lost;
        if (lost && !lost_) last_read_ = now;
        lost_ = lost;
        max_stale_ = max_stale;
    }
    /// Contact as last reported.
    bool lost() const { return lost_; }
    /// When the last leader must be withdrawn; none = never, or there is contact.
    std::optional<Now> ends() const { return lost_ && max_stale_ > seconds{0} ? std::optional(last_read_ + max_stale_) : std::nullopt; }

private:
    bool lost_ = false;
    Now last_read_{};
    seconds max_stale_{0};
};

/// If the answer of `next` differs from that of `before`, raises its version by one and sets the time of the change.
inline void mark_change(catalog::LeaderEntry& next, const catalog::LeaderEntry& before, Moment at) {
    const bool same = next.state == before.state && next.member == before.member && next.host == before.host && next.port == before.port &&
                      (next.host.ip || next.node_address == before.node_address);
    if (same) return;
    ++next.version;
    next.since = at.now;
    next.since_unix = at.unix_seconds;
}

}  // namespace lictor::leader
