// Is Consul in contact? All exchanges together decide whether requests may be sent (while no address can be reached, one request is retried
// instead of a hundred), how often (after a 429 or 503), and whether contact is lost, so that the last known facts are answered. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "conf/base/clock.hpp"
#include "watch/polling/http_reply.hpp"

namespace lictor::polling {

/// What one exchange shows about Consul.
enum class ContactOutcome : std::uint8_t {
    good,         ///< an answer that can be used
    refused,      ///< a reply, but not an answer (403, 500, …)
    limited,      ///< 429 or 503
    broken,       ///< the connection ended or timed out after the request was sent
    unreachable,  ///< no connection
};

/// The outcome as the reply itself shows it; a caller that cannot use a `good` reply makes it `refused`.
ContactOutcome outcome_of(const HttpReply& reply);

/// How many watches of the agent's own datacenter fail and work.
struct WatchCounts {
    std::size_t failing = 0, fine = 0;
};

/// Leader keys are never delayed.
enum class Keys : std::uint8_t { leader, other };

/// There is one for each Watcher. It does no I/O and reads no clock.
class Contact {
public:
    /// Whether watches may send requests (see `open`).
    enum class Gate : std::uint8_t { shut, open };
    /// The gate is shut at first: until the read of the agent's settings has ended, nothing else is sent.
    explicit Contact(Gate gate = Gate::shut) : open_(gate == Gate::open) {}

    /// `addresses`: number of Consul addresses. True if this exchange opened the gate, so that parked watches may send.
    bool on_exchange(ContactOutcome outcome, std::size_t addresses, Now now);
    /// True if watches may send. Otherwise they are parked until the gate opens, and only agent/self is read.
    bool open() const { return open_; }
    /// Opens the gate after the first exchange failed although the address can be reached.
    void open_without_answer() { open_ = true; }
    /// The time at which a request that is due `now` may be sent. For 10 s after a 429 or 503, one request a second may be sent; each good
    /// reply halves the interval. If the result is `now`, the request counts as sent.
    Now earliest(Now now, Keys keys);

    /// Contact is lost when for one second no watch worked and at least one failed. True if `lost` changed.
    bool judge_lost(WatchCounts counts, Now now);
    /// The last result of `judge_lost`.
    bool lost() const { return lost_; }
    /// Time of the first failure of the present loss.
    std::optional<Now> lost_since() const { return lost_ ? failing_since_ : std::nullopt; }
    /// Consul replied lately, or was not asked yet.
    bool reachable() const { return reachable_ && !lost_; }

private:
    bool open_;
    bool lost_ = false;
    bool reachable_ = true;
    std::size_t unreachable_in_row_ = 0;
    std::optional<Now> failing_since_;
    std::optional<Now> limited_until_;
    Now last_limited_send_{}, interval_{};
};

}  // namespace lictor::polling
