// How long did something take, as a distribution? A histogram counts durations in fixed buckets; /metrics exports it in Prometheus' form.
// The bounds are those that matter for DNS: an answer from memory takes less than 100 µs, a recursive upstream's some 10 ms, and a client
// asks again after 1 to 5 s.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "conf/base/clock.hpp"
#include "conf/metrics/count.hpp"

namespace lictor::metrics {

/// Upper bounds of the buckets, inclusive; one more bucket has everything above the last.
inline constexpr std::array<std::uint32_t, 16> duration_bounds_us{
    100, 250, 500, 1'000, 2'500, 5'000, 10'000, 25'000, 50'000, 100'000, 250'000, 500'000, 1'000'000, 2'500'000, 5'000'000, 10'000'000};
inline constexpr std::size_t duration_buckets = duration_bounds_us.size() + 1;

/// Index of the bucket of a duration; one below 0 counts as 0.
constexpr std::size_t duration_bucket(microseconds span) {
    std::size_t at = 0;
    while (at < duration_bounds_us.size() && span.count() > std::int64_t{duration_bounds_us[at]}) ++at;
    return at;
}

/// The counts of a histogram as a value: for one thread, or a copy.
struct Durations {
    std::array<std::uint64_t, duration_buckets> in{};  ///< by bucket, not cumulative
    std::uint64_t sum_us = 0;

    /// Counts `n` durations of this length.
    void add(microseconds span, std::uint64_t n = 1) {
        in[duration_bucket(span)] += n;
        sum_us += static_cast<std::uint64_t>(std::max<std::int64_t>(span.count(), 0)) * n;
    }
    void add(const Durations& other) {
        for (std::size_t i = 0; i < in.size(); ++i) in[i] += other.in[i];
        sum_us += other.sum_us;
    }
    std::uint64_t count() const {
        std::uint64_t all = 0;
        for (const auto n : in) all += n;
        return all;
    }
};

/// A histogram among the counters. One thread calls `add`; any thread calls `get`.
class Histogram {
public:
    /// Counts `n` durations of this length.
    void add(microseconds span, std::uint64_t n = 1) noexcept {
        in_[duration_bucket(span)].add(n);
        sum_us_.add(static_cast<std::uint64_t>(std::max<std::int64_t>(span.count(), 0)) * n);
    }
    /// The counts now. While the writer adds, the sum may be newer than the buckets.
    Durations get() const noexcept {
        Durations now;
        for (std::size_t i = 0; i < in_.size(); ++i) now.in[i] = in_[i].get();
        now.sum_us = sum_us_.get();
        return now;
    }

private:
    std::array<Count, duration_buckets> in_;
    Count sum_us_;
};

}  // namespace lictor::metrics
