// Owners of libuv's loop and handles, with nothing of DNS or Consul. libuv keeps a handle until its close callback has run: the handle
// lives in a heap cell that dies there, while its owner may die at once; a callback never reaches a dead owner. Each object belongs to
// the thread that runs its loop; only Wake::send may be called from another.
#pragma once

#include <uv.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

#include "conf/base/clock.hpp"
#include "conf/base/result.hpp"

namespace lictor {

class Loop {
public:
    Loop();
    ~Loop();  ///< requires that every owner of a handle is gone; runs the loop until the last close callback
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;

    uv_loop_t* raw() { return loop_.get(); }
    void run() { uv_run(loop_.get(), UV_RUN_DEFAULT); }
    void stop() { uv_stop(loop_.get()); }
    /// CLOCK_MONOTONIC now (not libuv's cached time).
    static Now now();
    static Moment moment();

private:
    std::unique_ptr<uv_loop_t> loop_;
};

/// Owner of one handle. The callback object stands in the cell, so that a running callback outlives its owner's destruction.
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

    /// Makes the cell; `init` gets the raw handle and returns libuv's code.
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
    void reset() {
        if (!cell_) return;
        Cell* cell = std::exchange(cell_, nullptr);
        cell->orphan = true;
        uv_close(reinterpret_cast<uv_handle_t*>(&cell->handle), [](uv_handle_t* handle) { delete static_cast<Cell*>(handle->data); });
    }
    Uv* raw() const { return cell_ ? &cell_->handle : nullptr; }
    explicit operator bool() const { return cell_ != nullptr; }
    /// For libuv's trampolines.
    static void fire(Uv* handle, int value) noexcept {
        auto* cell = static_cast<Cell*>(handle->data);
        if (!cell->orphan) cell->callback(value);
    }

private:
    struct Cell {
        Uv handle;
        Callback callback;
        bool orphan;
    };
    Cell* cell_ = nullptr;
};

class Timer {
public:
    /// `callback` runs on the loop's thread. Does not start.
    Timer(Loop& loop, std::function<void()> callback);
    /// Once after `delay`; a running timer starts anew. Rounded up to whole milliseconds.
    void start(microseconds delay);
    void repeat(milliseconds every);
    void stop();
    bool active() const;

private:
    HandleOf<uv_timer_t> handle_;
};

/// Readiness of a descriptor that somebody else owns and closes (after this object is gone).
class FdWatch {
public:
    FdWatch() = default;
    /// `events`: UV_READABLE | UV_WRITABLE. The callback gets the events that are true (a failure gives all asked for).
    Result<bool> start(Loop& loop, int fd, int events, std::function<void(int)> callback);
    void change(int events);
    void stop() { handle_.reset(); }
    explicit operator bool() const { return static_cast<bool>(handle_); }

private:
    HandleOf<uv_poll_t> handle_;
    int events_ = 0;
};

/// Wakes a loop from any thread; several sends may be one call.
class Wake {
public:
    Wake(Loop& loop, std::function<void()> callback);
    void send() noexcept;

private:
    HandleOf<uv_async_t> handle_;
};

class Signal {
public:
    Signal(Loop& loop, int number, std::function<void()> callback);

private:
    HandleOf<uv_signal_t> handle_;
};

}  // namespace lictor
