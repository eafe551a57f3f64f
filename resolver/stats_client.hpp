// One question to the stats endpoint of a running lictor, asked by the sub-commands. Blocks, with a bound.
#pragma once

#include <string>

#include "conf/base/result.hpp"

namespace lictor {

struct StatsAnswer {
    long code = 0;  ///< HTTP status
    std::string body;
};

/// `address` as `stats-address` has it. `change`: POST with the header that changes need, else GET.
Result<StatsAnswer> ask_stats(const std::string& address, const std::string& path_and_query, bool change);

/// `text` fit for a value in a query (RFC 3986 §2.1).
std::string percent_encoded(const std::string& text);

}  // namespace lictor
