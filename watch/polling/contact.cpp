// Implements the rules of contact.hpp.
#include "watch/polling/contact.hpp"

namespace lictor::polling {
namespace {

constexpr Now lost_after = seconds(1);
constexpr Now limited_for = seconds(10);        // after the last 429 or 503
constexpr Now limited_send_every = seconds(1);  // each good reply halves it
constexpr Now limited_send_least = milliseconds(50);

}  // namespace

ContactOutcome outcome_of(const HttpReply& reply) {
    if (reply.status == 0) return reply.unreachable ? ContactOutcome::unreachable : ContactOutcome::broken;
    if (reply.refusal == Refusal::too_many) return ContactOutcome::limited;
    return reply.refusal == Refusal::none ? ContactOutcome::good : ContactOutcome::refused;
}

bool Contact::on_exchange(ContactOutcome outcome, std::size_t addresses, Now now) {
    if (outcome == ContactOutcome::limited) {
        limited_until_ = now + limited_for;
        interval_ = limited_send_every;
    } else if (outcome == ContactOutcome::good && limited_until_) {
        interval_ /= 2;
        if (interval_ < limited_send_least) limited_until_.reset();
    }
    if (outcome == ContactOutcome::unreachable) {
        // Each address is tried before Consul counts as unreachable.
        if (++unreachable_in_row_ >= (addresses == 0 ? 1 : addresses)) open_ = reachable_ = false;
        return false;
    }
    if (outcome == ContactOutcome::broken) return false;
    unreachable_in_row_ = 0;
    reachable_ = true;
    const bool opened = !open_;
    open_ = true;
    return opened;
}

Now Contact::earliest(Now now, Keys keys) {
    if (keys == Keys::leader || !limited_until_) return now;
    if (now >= *limited_until_) {
        limited_until_.reset();
        return now;
    }
    if (now - last_limited_send_ < interval_) return last_limited_send_ + interval_;
    last_limited_send_ = now;
    return now;
}

bool Contact::judge_lost(WatchCounts counts, Now now) {
    if (counts.fine > 0 || counts.failing == 0) failing_since_.reset();
    else if (!failing_since_) failing_since_ = now;
    const bool lost = failing_since_ && now - *failing_since_ > lost_after;
    const bool changed = lost != lost_;
    lost_ = lost;
    return changed;
}

}  // namespace lictor::polling
