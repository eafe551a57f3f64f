// Implements libuv's C callbacks and the functions of the owners.
#include "watch/loop/loop.hpp"

#include <ctime>

#include <algorithm>
#include <atomic>

namespace lictor::loop {
namespace {

std::atomic<std::uint64_t> lacks{0};

}  // namespace

void note_lack_of_memory() noexcept { lacks.fetch_add(1, std::memory_order_relaxed); }
std::uint64_t lacks_of_memory() noexcept { return lacks.load(std::memory_order_relaxed); }

Loop::Loop() : loop_(std::make_unique<uv_loop_t>()) { ensure(uv_loop_init(loop_.get()) == 0, "uv_loop_init"); }

Loop::~Loop() {
    // Each turn runs close callbacks. A handle that was not closed would keep the loop open: give up after 1000 turns.
    for (int turn = 0; turn < 1000; ++turn) {
        uv_run(loop_.get(), UV_RUN_NOWAIT);
        if (uv_loop_close(loop_.get()) == 0) return;
    }
    ensure(false, "a handle outlives its loop");
}

Now Loop::now() {
    timespec at{};
    clock_gettime(CLOCK_MONOTONIC, &at);
    return Now(std::int64_t{at.tv_sec} * 1'000'000 + at.tv_nsec / 1000);
}

Moment Loop::moment() { return {.now = now(), .unix_seconds = static_cast<std::int64_t>(::time(nullptr))}; }

Timer::Timer(Loop& loop, std::function<void()> callback) {
    handle_.open([call = std::move(callback)](int) { call(); }, [&](uv_timer_t* timer) { return uv_timer_init(loop.raw(), timer); });
}

void Timer::start(microseconds delay) {
    const auto ms = std::max<std::int64_t>(0, (delay.count() + 999) / 1000);
    uv_update_time(handle_.raw()->loop);
    uv_timer_start(
        handle_.raw(), [](uv_timer_t* timer) { HandleOf<uv_timer_t>::fire(timer, 0); }, static_cast<std::uint64_t>(ms), 0);
}

void Timer::repeat(milliseconds every) {
    const auto ms = static_cast<std::uint64_t>(std::max<std::int64_t>(1, every.count()));
    uv_timer_start(
        handle_.raw(), [](uv_timer_t* timer) { HandleOf<uv_timer_t>::fire(timer, 0); }, ms, ms);
}

void Timer::stop() { uv_timer_stop(handle_.raw()); }
bool Timer::active() const { return uv_is_active(reinterpret_cast<uv_handle_t*>(handle_.raw())) != 0; }

namespace {
void on_poll(uv_poll_t* poll, int status, int events) { HandleOf<uv_poll_t>::fire(poll, status < 0 ? UV_READABLE | UV_WRITABLE : events); }
}  // namespace

Result<bool> FdWatch::start(Loop& loop, int fd, int events, std::function<void(int)> callback) {
    const int code = handle_.open(std::move(callback), [&](uv_poll_t* poll) { return uv_poll_init(loop.raw(), poll, fd); });
    if (code < 0) return Error{std::string("cannot watch a descriptor: ") + uv_strerror(code)};
    events_ = events;
    const int started = uv_poll_start(handle_.raw(), events, on_poll);
    if (started < 0) return Error{std::string("cannot watch a descriptor: ") + uv_strerror(started)};
    return true;
}

void FdWatch::change(int events) {
    if (!handle_ || events == events_) return;
    events_ = events;
    uv_poll_start(handle_.raw(), events, on_poll);
}

Wake::Wake(Loop& loop, std::function<void()> callback) {
    handle_.open([call = std::move(callback)](int) { call(); },
                 [&](uv_async_t* async) {
                     return uv_async_init(loop.raw(), async, [](uv_async_t* fired) { HandleOf<uv_async_t>::fire(fired, 0); });
                 });
}

void Wake::send() noexcept { uv_async_send(handle_.raw()); }

Signal::Signal(Loop& loop, int number, std::function<void()> callback) {
    handle_.open([call = std::move(callback)](int) { call(); }, [&](uv_signal_t* signal) { return uv_signal_init(loop.raw(), signal); });
    uv_signal_start(
        handle_.raw(), [](uv_signal_t* fired, int) { HandleOf<uv_signal_t>::fire(fired, 0); }, number);
}

}  // namespace lictor::loop
