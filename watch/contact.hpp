// Is Consul there? Judges all exchanges together: whether requests may be sent at all (while nothing answers, one probe goes on instead of
// a hundred retries), how fast (after a 429 or 503 the agent as a whole is spared), and whether contact is lost, so that facts are served
// as the last known ones. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "conf/base/clock.hpp"

namespace lictor {

enum class ContactOutcome : std::uint8_t {
    good,         ///< an answer that can be used
    refused,      ///< somebody answered, but not with facts (403, 500, …)
    limited,      ///< 429 or 503: slow down
    broken,       ///< the connection ended or timed out after the request was sent
    unreachable,  ///< no connection
};

/// How the watches of the agent's own datacenter stand.
struct WatchTally {
    std::size_t failing = 0, fine = 0;
};

class Contact {
public:
    /// Starts closed when `wait_for_first` says that nothing may be sent before the first exchange (the agent's settings) has ended.
    explicit Contact(bool wait_for_first = true) : open_(!wait_for_first) {}

    /// True if the gate opened by this: whoever was parked may send.
    bool on_exchange(ContactOutcome outcome, std::size_t addresses, Now now);
    /// Whether watches may send; else they are parked until the gate opens, and only the probe goes on.
    bool open() const { return open_; }
    /// Opens the gate without an answer (the first exchange ended otherwise than unreachable or took too long).
    void open_anyway() { open_ = true; }
    /// When a request may be sent that wants to be sent `now`; leader keys are never made to wait.
    Now earliest(Now now, bool leader_keys);

    /// Contact is lost when nothing has been fine and something failing for a second; true if `lost` changed.
    bool judge_lost(WatchTally tally, Now now);
    bool lost() const { return lost_; }
    /// Since when contact is lost (the first failure, not the verdict).
    std::optional<Now> lost_since() const { return lost_ ? failing_since_ : std::nullopt; }
    /// Something answered lately, or nothing was tried yet.
    bool reachable() const { return reachable_ && !lost_; }

private:
    bool open_;
    bool lost_ = false;
    bool reachable_ = true;
    std::size_t unreachable_in_row_ = 0;
    std::optional<Now> failing_since_;
    std::optional<Now> limited_until_;
    Now last_limited_send_{}, apart_{};
};

}  // namespace lictor
