// The fields of the options for leaders, with their defaults. Their rows of the option table are in leader.cpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "conf/base/clock.hpp"
#include "conf/values/consul_rules.hpp"

namespace lictor::conf {

struct LeaderOptions {
    std::vector<LeaderRule> leader;
    bool leader_probe = true;                     ///< the REST API of the lock's holder is asked for its role
    seconds leader_max_stale{0};                  ///< the last leader is kept for so long without contact; 0 = for ever
    std::optional<std::uint64_t> leader_max_lag;  ///< bytes of WAL; none = no bound
    bool leader_last_resort = false;              ///< `replica.` is answered with the leader if no replica runs
    std::vector<std::string> leader_flush;
    bool leader_cut = false;              ///< connections to a deposed leader are ended
    std::vector<std::string> leader_soa;  ///< domains of aliases; see leader_zones.hpp
    bool operator==(const LeaderOptions&) const = default;
};

}  // namespace lictor::conf
