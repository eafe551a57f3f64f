// May another blocking query be left waiting at the agent? Those that a stopped lictor left behind keep their connections to the end of
// their wait (`limits.http_max_conns_per_client`, 200 for each client address), so a fresh one begins with few; past them services are
// read every second instead. When the old waits must be over the number is bounded by consul-watch-max alone. Leader keys never ask here.
#pragma once

#include <cstddef>

#include "conf/base/clock.hpp"

namespace lictor {

class Waits {
public:
    explicit Waits(Now began) : began_(began) {}

    bool may_begin(Now now) const { return out_ < few || now - began_ >= lingering; }
    void begun() { ++out_; }
    void ended() { --out_; }
    std::size_t out() const { return out_; }

    static constexpr std::size_t few = 32;
    static constexpr Now lingering = std::chrono::seconds(65);  ///< the longest wait, a sixteenth more, and a little

private:
    Now began_;
    std::size_t out_ = 0;
};

}  // namespace lictor
