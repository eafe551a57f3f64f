// May another blocking query stay at the agent? The queries of a stopped lictor occupy their connections until their waits end, and the
// agent allows 200 for each client address (`limits.http_max_conns_per_client`). So a new lictor begins with few waits; services beyond
// them are read once a second. After `lingering` only consul-watch-max bounds the number. Leader keys are not counted. Pure.
#pragma once

#include <cstddef>

#include "conf/base/clock.hpp"

namespace lictor::polling {

/// A value: no I/O, no clock.
class Waits {
public:
    explicit Waits(Now began) : began_(began) {}

    /// `began`, `now`: monotonic. Each wait that may begin is counted by `begun`, and by `ended` when its reply came or it was cancelled.
    bool may_begin(Now now) const { return out_ < few || now - began_ >= lingering; }
    void begun() { ++out_; }
    void ended() { --out_; }

    static constexpr std::size_t few = 32;                      ///< waits at once during `lingering`
    static constexpr Now lingering = std::chrono::seconds(65);  ///< longer than the longest wait: 60 s and a sixteenth

private:
    Now began_;
    std::size_t out_ = 0;
};

}  // namespace lictor::polling
