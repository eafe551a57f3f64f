// The one thread and its two lists.
#include "watch/background.hpp"

#include <utility>

namespace lictor {

Background::Background(Loop& loop) : wake_(loop, [this] { hand_out(); }) {}

Background::~Background() {
    {
        const std::lock_guard lock(mutex_);
        ending_ = true;
        waiting_.clear();
    }
    if (thread_.joinable()) thread_.join();
}

Background::Ticket Background::run(std::function<void()> work, std::function<void()> after) {
    const std::lock_guard lock(mutex_);
    const Ticket ticket = next_++;
    waiting_.push_back({ticket, std::move(work), std::move(after)});
    if (!running_) {
        if (thread_.joinable()) thread_.join();  // it has left the lock for the last time
        running_ = true;
        thread_ = std::thread([this] { work_off(); });
    }
    return ticket;
}

void Background::cancel(Ticket ticket) {
    const std::lock_guard lock(mutex_);
    waiting_.remove_if([ticket](const Piece& piece) { return piece.ticket == ticket; });
    for (auto& piece : done_)
        if (piece.ticket == ticket) piece.cancelled = true;
    if (at_work_ == ticket) cancel_at_work_ = true;
}

void Background::work_off() {
    for (;;) {
        std::list<Piece> one;
        {
            const std::lock_guard lock(mutex_);
            if (waiting_.empty() || ending_) {
                running_ = false;
                return;
            }
            one.splice(one.begin(), waiting_, waiting_.begin());
            at_work_ = one.front().ticket;
            cancel_at_work_ = false;
        }
        one.front().work();
        const std::lock_guard lock(mutex_);
        at_work_ = 0;
        one.front().cancelled = cancel_at_work_;
        done_.splice(done_.end(), one);
        if (!ending_) wake_.send();
    }
}

void Background::hand_out() {
    for (;;) {
        std::list<Piece> one;
        {
            const std::lock_guard lock(mutex_);
            if (done_.empty()) return;
            one.splice(one.begin(), done_, done_.begin());
        }
        if (!one.front().cancelled) one.front().after();
    }
}

}  // namespace lictor
