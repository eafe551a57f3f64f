// What did lictor do in the last ten minutes? One point a second, taken from the counters, so that nothing is done for it when a query is
// answered. Bounded: 600 points of seven numbers, 16,800 bytes. Pure; used on the control thread only.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "conf/base/clock.hpp"

namespace lictor::documents {

/// Sums over the workers at one moment.
struct HistorySample {
    std::uint64_t queries = 0, failures = 0;  ///< received; answered SERVFAIL
    std::uint64_t cache_hits = 0, cache_misses = 0;
    std::uint64_t held = 0;     ///< queries held because there was no leader
    std::uint64_t waiting = 0;  ///< queries that wait now
    microseconds rtt{0};        ///< smoothed round trip of the quickest upstream in use; 0: none
};

class History {
public:
    static constexpr std::size_t points_max = 600;

    /// Once a second or more often; a call within the same second of `now` does nothing. A late call gives each second since the last one
    /// the mean of the time between. The first call makes one point, of what happened since the start.
    void add(const HistorySample& sample, Now now);
    /// True if `add` would take a sample now.
    bool due(Now now) const { return std::chrono::duration_cast<seconds>(now).count() > second_; }
    /// The document at /history with the newest `last` points, oldest first: lists of the same length by name. `unix_now`: the wall clock
    /// at `now`, Unix seconds.
    std::string json(std::size_t last, Now now, std::int64_t unix_now) const;

private:
    enum Series : std::uint8_t { queries, failures, cache_hits, cache_misses, held, waiting, rtt_ms, series_count };
    using Point = std::array<float, series_count>;

    std::array<Point, points_max> points_{};
    std::size_t next_ = 0, size_ = 0;
    std::uint64_t total_ = 0;
    std::int64_t second_ = -1;  ///< of the last sample, monotonic
    HistorySample before_;
};

}  // namespace lictor::documents
