// While there is no leader, how many queries are held, and for how long? These are the fields of the options, with their defaults. Their
// rows of the option table are in hold.cpp.
#pragma once

#include <cstdint>

#include "conf/base/clock.hpp"

namespace lictor::conf {

struct HoldOptions {
    milliseconds leader_hold{4000};         ///< at most 30 s; 0: queries are not held
    std::uint32_t leader_hold_max = 10000;  ///< queries that one worker holds at once
    bool operator==(const HoldOptions&) const = default;
};

}  // namespace lictor::conf
