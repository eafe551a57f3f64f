// One counter or gauge. It has one writer (its worker, or the control thread) and any reader: a relaxed atomic, so that an increment needs
// no locked instruction.
#pragma once

#include <atomic>
#include <cstdint>

namespace lictor::metrics {

/// A counter or gauge. One thread calls `add` and `set` (`add` loses increments of others); any thread calls `get`.
class Count {
public:
    void add(std::uint64_t n = 1) noexcept { value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed); }
    void set(std::uint64_t n) noexcept { value_.store(n, std::memory_order_relaxed); }
    std::uint64_t get() const noexcept { return value_.load(std::memory_order_relaxed); }

private:
    std::atomic<std::uint64_t> value_{0};
};

}  // namespace lictor::metrics
