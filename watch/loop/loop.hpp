// Owners of libuv's loop and handles. libuv keeps a handle until its close callback has run, so the handle is in a heap cell that is freed
// there, while its owner may be destroyed at once; a callback never reaches a destroyed owner. Each object belongs to the thread that runs
// its loop; only Wake::send may be called from another thread.
#pragma once

#include <uv.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <new>
#include <utility>

#include "conf/base/clock.hpp"
#include "conf/base/result.hpp"

namespace lictor::loop {

/// An allocation failed, and the work of one event was given up. Any thread.
void note_lack_of_memory() noexcept;
/// How often that happened since the start.
std::uint64_t lacks_of_memory() noexcept;

/// One libuv loop. Ends the process if libuv cannot make it, or if a handle outlives it.
class Loop {
public:
    Loop();
    ~Loop();  ///< requires that every owner of a handle is destroyed; runs the loop until the last close callback
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;

    uv_loop_t* raw() { return loop_.get(); }
    /// Returns after `stop`, or when no handle is active.
    void run() { uv_run(loop_.get(), UV_RUN_DEFAULT); }
    /// From the loop's thread: `run` returns after the present turn.
    void stop() { uv_stop(loop_.get()); }
    /// CLOCK_MONOTONIC now (not libuv's cached time).
    static Now now();
    /// Both clocks now.
    static Moment moment();

private:
    std::unique_ptr<uv_loop_t> loop_;
};

/// Owner of one handle. The cell holds the callback, so that a running callback may destroy the owner.
template <class Uv>
class HandleOf {
public:
    using Callback = std::function<void(int)>;
    HandleOf() = default;
    HandleOf(HandleOf&& other) noexcept : cell_(std::exchange(other.cell_, nullptr)) {}
    HandleOf& operator=(HandleOf&& other) noexcept {
        if (this != &other) {
            reset();
            cell_ = std::exchange(other.cell_, nullptr);
        }
        return *this;
    }
    ~HandleOf() { reset(); }

    /// Closes the present handle and makes a new cell. `init` gets the raw handle and returns libuv's code; a negative code is returned,
    /// and there is no handle.
    template <class Init>
    int open(Callback callback, Init init) {
        reset();
        cell_ = new Cell{{}, std::move(callback), false};
        const int code = init(&cell_->handle);
        if (code < 0) {
            delete std::exchange(cell_, nullptr);
            return code;
        }
        cell_->handle.data = cell_;
        return 0;
    }
    /// Closes the handle, if there is one; the callback is not called any more.
    void reset() {
        if (!cell_) return;
        Cell* cell = std::exchange(cell_, nullptr);
        cell->orphan = true;
        uv_close(reinterpret_cast<uv_handle_t*>(&cell->handle), [](uv_handle_t* handle) { delete static_cast<Cell*>(handle->data); });
    }
    /// Null if there is no handle.
    Uv* raw() const { return cell_ ? &cell_->handle : nullptr; }
    explicit operator bool() const { return cell_ != nullptr; }
    /// Called by libuv's C callbacks. If memory runs out, only the work of this event is lost: what must go on catches the exception
    /// itself.
    static void fire(Uv* handle, int value) noexcept {
        auto* cell = static_cast<Cell*>(handle->data);
        if (cell->orphan) return;
        try {
            cell->callback(value);
        } catch (const std::bad_alloc&) {
            note_lack_of_memory();
        }
    }

private:
    struct Cell {
        Uv handle;
        Callback callback;
        bool orphan;
    };
    Cell* cell_ = nullptr;
};

/// Calls back on the loop, once or repeatedly; ends with its owner. The loop must outlive it.
class Timer {
public:
    /// Does not start the timer.
    Timer(Loop& loop, std::function<void()> callback);
    /// Fires once after `delay`, rounded up to whole milliseconds; restarts a running timer.
    void start(microseconds delay);
    /// Fires every `every`, at least 1 ms.
    void repeat(milliseconds every);
    /// No effect if it does not run.
    void stop();
    /// It is started and, unless it repeats, has not fired.
    bool active() const;

private:
    HandleOf<uv_timer_t> handle_;
};

/// Readiness of a descriptor. The caller owns it, and closes it after this object is destroyed.
class FdWatch {
public:
    FdWatch() = default;
    /// `events`: UV_READABLE | UV_WRITABLE. The callback gets the ready ones; both after a failure of poll.
    /// Error: libuv's text.
    Result<bool> start(Loop& loop, int fd, int events, std::function<void(int)> callback);
    /// Waits for other events from now on.
    void change(int events);
    /// The callback is not called any more; the descriptor may be closed.
    void stop() { handle_.reset(); }
    explicit operator bool() const { return static_cast<bool>(handle_); }

private:
    HandleOf<uv_poll_t> handle_;
    int events_ = 0;
};

/// Wakes a loop from any thread. Several sends may cause one call of the callback.
class Wake {
public:
    Wake(Loop& loop, std::function<void()> callback);
    /// May be called by any thread while this object exists.
    void send() noexcept;

private:
    HandleOf<uv_async_t> handle_;
};

/// A handler of the signal `number`, called on the loop.
class Signal {
public:
    Signal(Loop& loop, int number, std::function<void()> callback);

private:
    HandleOf<uv_signal_t> handle_;
};

}  // namespace lictor::loop
