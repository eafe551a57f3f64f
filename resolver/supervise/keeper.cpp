// Each state has one thing that may become due; giving resolv.conf back is due in each state but `serving`.
#include "resolver/supervise/keeper.hpp"

#include <algorithm>

namespace lictor::supervise {

void Keeper::started(Now now) { state_ = State::starting, since_ = now; }

void Keeper::serving(Now now) {
    if (state_ != State::starting) return;  // a message of a process that has ended meanwhile
    state_ = State::serving, since_ = now, served_ = true;
}

void Keeper::ended(Now now) {
    const bool steady = state_ == State::serving && now - since_ >= steady_after;
    const Now pause = steady ? Now(0) : std::clamp(pause_ * 2, pause_min, pause_max);
    // A process that is restarted without having served leaves the time as it is.
    if (state_ == State::serving) give_back_at_ = steady ? now + quick_restart : now;
    pause_ = pause;
    state_ = State::absent, since_ = now, start_at_ = now + pause;
}

Act Keeper::next(Now now) {
    if (state_ == State::serving) {
        if (taken_) return Act::nothing;
        taken_ = true;
        return Act::take;
    }
    if (taken_ && now >= give_back_at_) {
        taken_ = false;
        return Act::give_back;
    }
    if (state_ == State::absent && now >= start_at_) return Act::start;
    if (state_ == State::starting && now - since_ >= serves_within) {
        state_ = State::killed, since_ = now;
        return Act::kill;
    }
    return Act::nothing;
}

std::optional<Now> Keeper::wakes() const {
    std::optional<Now> at;
    const auto consider = [&](Now one) { at = at ? std::min(*at, one) : one; };
    if (state_ == State::serving) return taken_ ? at : since_;
    if (taken_) consider(give_back_at_);
    if (state_ == State::absent) consider(start_at_);
    if (state_ == State::starting) consider(since_ + serves_within);
    return at;
}

Now Keeper::pause(Now now) const { return state_ == State::absent ? std::max(start_at_ - now, Now(0)) : Now(0); }

}  // namespace lictor::supervise
