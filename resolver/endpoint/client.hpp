// The HTTP client of the sub-commands: one request to the stats endpoint of a running lictor.
#pragma once

#include <cstdint>
#include <string>

#include "conf/base/result.hpp"

namespace lictor::endpoint {

/// One HTTP reply, whatever its status.
struct StatsAnswer {
    long code = 0;     ///< HTTP status
    std::string body;  ///< 16 MiB at most; a longer one is an error
};

/// `post` is for changes and sends the header that they need.
enum class Method : std::uint8_t { get, post };
/// Sends one request to `address`, in the form of `stats-address` (a wildcard address means loopback), and uses no proxy and no name
/// look-up. Blocks, 5 s at most. An error, with the text of connect(2), libcurl or `stats_endpoint`, if there is no HTTP reply.
Result<StatsAnswer> request_stats(const std::string& address, const std::string& path_and_query, Method method);

/// `text` as a value in a query component: all but the unreserved characters are encoded (RFC 3986 §2.1, §2.3).
std::string percent_encoded(const std::string& text);

}  // namespace lictor::endpoint
