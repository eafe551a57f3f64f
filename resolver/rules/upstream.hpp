// One upstream resolver, and the upstreams for some names.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "conf/base/address.hpp"

namespace lictor::rules {

/// One upstream resolver.
struct Upstream {
    Endpoint endpoint;
    std::string interface;           ///< network device of the sockets; empty = any
    std::optional<Endpoint> source;  ///< address and port that queries are sent from
    bool agent_dns = false;          ///< the Consul agent's DNS: its own time limit; min-cache-ttl and use-stale-cache do not apply
    bool operator==(const Upstream&) const = default;
};

/// Upstreams tried for some names, in the configured order.
struct UpstreamGroup {
    std::vector<std::uint32_t> members;  ///< indexes into Rules::upstreams
    bool local_only = false;             ///< `local=/d/`: NXDOMAIN or NODATA from local data, no upstream is asked
};

}  // namespace lictor::rules
