// Work that takes longer than the control loop may stand still: parsing a large body. One thread does one piece after the other and ends
// when there is none left, so that nothing of it remains in memory between two large bodies. Values go in and come out: the work must
// share nothing with the loop.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <thread>

#include "watch/loop/loop.hpp"

namespace lictor {

class Background {
public:
    explicit Background(Loop& loop);
    /// Waits for the piece that is being worked on; nothing is handed out any more.
    ~Background();
    Background(const Background&) = delete;
    Background& operator=(const Background&) = delete;

    using Ticket = std::uint64_t;  ///< 0 = none
    /// `work` runs on the thread, then `after` on the loop unless cancelled.
    Ticket run(std::function<void()> work, std::function<void()> after);
    void cancel(Ticket ticket);

private:
    struct Piece {
        Ticket ticket = 0;
        std::function<void()> work, after;
        bool cancelled = false;
    };
    void work_off();
    void hand_out();

    Wake wake_;
    std::thread thread_;
    std::mutex mutex_;                 ///< guards all below
    std::list<Piece> waiting_, done_;
    Ticket next_ = 1, at_work_ = 0;
    bool running_ = false, ending_ = false, cancel_at_work_ = false;
};

}  // namespace lictor
