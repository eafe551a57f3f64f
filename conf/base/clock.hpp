// The types of times and durations. Pure code receives times as values; only shell code reads a clock.
#pragma once

#include <chrono>
#include <cstdint>

namespace lictor {

/// Monotonic time since an arbitrary start (CLOCK_MONOTONIC), never wall-clock time.
using Now = std::chrono::microseconds;

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// Both clocks read at one moment: `now` for every age and deadline, `unix_seconds` only for SOA serials and texts for operators.
struct Moment {
    Now now{};
    std::int64_t unix_seconds = 0;
};

}  // namespace lictor
