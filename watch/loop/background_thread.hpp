// A thread for work that would block the control loop for too long: parsing a large body, writing a file. It runs one piece of work after
// the other and ends when none is left, so that it uses no memory between large bodies. The work must share no data with the loop.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <thread>

#include "watch/loop/guarded.hpp"
#include "watch/loop/loop.hpp"

namespace lictor::loop {

/// `run` and `cancel` are called on the loop's thread.
class Background {
public:
    explicit Background(Loop& loop);
    /// Waits for the work that is running; calls no `after`.
    ~Background();
    Background(const Background&) = delete;
    Background& operator=(const Background&) = delete;

    using Ticket = std::uint64_t;  ///< 0 = none
    /// `work` runs on the thread, then `after` on the loop unless cancelled; not from inside run(). `work` must not throw. Throws
    /// std::bad_alloc if there is no memory for it or no thread: then neither is called.
    Ticket run(std::function<void()> work, std::function<void()> after);
    /// `after` is not called, and `work` neither unless it runs already. No effect after `after`, and for 0.
    void cancel(Ticket ticket);
    /// Waits until no work runs or waits, for `limit` at most; true if so. Blocks: for the end of the process.
    bool idle_within(milliseconds limit);

private:
    struct Piece {
        Ticket ticket = 0;
        std::function<void()> work, after;
        bool cancelled = false;
    };
    struct Shared {
        std::list<Piece> waiting, done;
        Ticket next = 1, at_work = 0;
        bool running = false, ending = false, cancel_at_work = false;
    };
    void run_all();
    void finish_done();

    Wake wake_;
    std::thread thread_;
    Guarded<Shared> shared_;
};

}  // namespace lictor::loop
