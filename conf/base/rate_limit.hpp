// Limits a repeated log line to one in an interval. The caller passes the time.
#pragma once

#include <atomic>
#include <cstdint>

namespace lictor {

/// One line in an interval, for one place in the code. Any thread may call it.
/// Use: `static RateLimit limit{60}; if (limit.pass(seconds)) log::warning(…)`.
class RateLimit {
public:
    explicit constexpr RateLimit(unsigned every_seconds) : every_(every_seconds) {}
    /// True at most once in `every_seconds`: of several threads that call at once, one passes.
    bool pass(std::int64_t monotonic_seconds) {
        auto due = next_.load(std::memory_order_relaxed);
        return monotonic_seconds >= due && next_.compare_exchange_strong(due, monotonic_seconds + every_, std::memory_order_relaxed);
    }

private:
    unsigned every_;
    std::atomic<std::int64_t> next_{0};
};

}  // namespace lictor
