// One blocking GET to Consul's HTTP API or to a member's REST API, for `lictor doctor`.
#pragma once

#include <optional>
#include <string>

#include "conf/base/clock.hpp"
#include "conf/options/options_fwd.hpp"

namespace lictor::cli {

/// `code` 0: there was no reply, `error` says why.
struct HttpGot {
    long code = 0;
    std::string body, error;
    std::optional<double> clock_offset_seconds;  ///< the Date header less this machine's time
    bool filtered = false;                       ///< X-Consul-Results-Filtered-By-ACLs
};

/// Gets `path` (with a leading slash) from the first address of Consul, with the token and TLS files of the options.
HttpGot consul_get(const conf::Options& options, const std::string& path, milliseconds timeout);
/// Gets a URL without verifying its certificate: only whether it answers matters.
HttpGot url_get(const std::string& url, milliseconds timeout);

}  // namespace lictor::cli
