// The fields of the options for the stats endpoint and the comparison with another server, with their defaults. Their rows of the option
// table are in stats.cpp.
#pragma once

#include <string>
#include <vector>

namespace lictor::conf {

struct StatsOptions {
    std::string stats_address = "127.0.0.1:9153";  ///< `host:port`, `unix:///path`, empty = off
    std::vector<std::string> stats_host;
    std::string shadow;  ///< `log:FILE[,IP[#PORT]]` or `IP[#PORT]`; empty = off
    bool operator==(const StatsOptions&) const = default;
};

}  // namespace lictor::conf
