// What follows from the use of the budget, seen twice a second: when the log says that shedding begins and ends, and when free memory is
// given back to the system. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "conf/base/clock.hpp"
#include "conf/budget/budget.hpp"

namespace lictor::budget {

/// `48 MB`, `640 kB`: units of 1024.
std::string bytes_text(std::uint64_t bytes);

class Pressure {
public:
    /// One line for the log.
    struct Line {
        bool begins = false;
        std::string text;
    };
    /// A line when something is shed for the first time, and one when nothing was shed for ten seconds.
    std::optional<Line> line(const Report& report, Now now);
    /// True while something was shed in the last ten seconds.
    bool sheds() const { return since_.has_value(); }
    /// True if the use has fallen by a MiB or more since the last time, and falls no further: the freed memory should be given back now.
    bool gives_back(std::uint64_t used);

private:
    Report at_begin_;                ///< before the shedding that goes on
    std::uint64_t shed_before_ = 0;  ///< in all, at the last call
    std::optional<Now> since_;       ///< shedding goes on since then
    Now last_shed_{};
    std::uint64_t peak_ = 0, used_before_ = 0;
};

}  // namespace lictor::budget
