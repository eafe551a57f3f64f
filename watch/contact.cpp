// The verdicts of contact.hpp.
#include "watch/contact.hpp"

namespace lictor {
namespace {

constexpr Now lost_after = seconds(1);
constexpr Now limited_for = seconds(10);           // since the last 429
constexpr Now limited_send_every = seconds(1);    // halved with each answer that can be used
constexpr Now limited_send_least = milliseconds(50);

}  // namespace

bool Contact::on_exchange(ContactOutcome outcome, std::size_t addresses, Now now) {
    if (outcome == ContactOutcome::limited) {
        limited_until_ = now + limited_for;
        apart_ = limited_send_every;
    } else if (outcome == ContactOutcome::good && limited_until_) {
        apart_ /= 2;
        if (apart_ < limited_send_least) limited_until_.reset();
    }
    if (outcome == ContactOutcome::unreachable) {
        // With several addresses each has to be tried before nothing is said to answer.
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

Now Contact::earliest(Now now, bool leader_keys) {
    if (leader_keys || !limited_until_) return now;
    if (now >= *limited_until_) {
        limited_until_.reset();
        return now;
    }
    if (now - last_limited_send_ < apart_) return last_limited_send_ + apart_;
    last_limited_send_ = now;
    return now;
}

bool Contact::judge_lost(WatchTally tally, Now now) {
    if (tally.fine > 0 || tally.failing == 0) failing_since_.reset();
    else if (!failing_since_) failing_since_ = now;
    const bool lost = failing_since_ && now - *failing_since_ > lost_after;
    const bool changed = lost != lost_;
    lost_ = lost;
    return changed;
}

}  // namespace lictor
