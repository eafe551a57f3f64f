// The fields of the options for Consul's data (what is read and how it is answered), with their defaults. Their rows of the option table
// are in consul.cpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "conf/base/clock.hpp"
#include "conf/values/consul_rules.hpp"
#include "conf/values/server_rules.hpp"

namespace lictor::conf {

struct ConsulOptions {
    std::string consul_datacenter;           ///< empty = the agent's
    std::vector<std::string> consul_domain;  ///< lower case, no dots at the ends; empty = the agent's, else `consul`
    std::optional<ServerPlace> consul_dns;   ///< none = agent's DNS is not asked
    ConsulConsistency consul_consistency = ConsulConsistency::stale;
    std::optional<bool> consul_only_passing;          ///< none = the agent's `only_passing`
    std::optional<std::uint32_t> consul_service_ttl;  ///< seconds; none = the agent's `service_ttl`
    std::optional<std::uint32_t> consul_node_ttl;     ///< seconds; none = the agent's `node_ttl`
    std::vector<std::string> consul_watch;            ///< services watched from the start, beyond consul_watch_max
    std::uint32_t consul_watch_max = 128;             ///< services watched at once, 1 to 10000
    seconds consul_watch_idle{600};                   ///< a watch ends when no query came for so long
    seconds consul_max_stale{0};                      ///< without contact the last known facts are answered for so long; 0 = for ever
    ConsulCompat consul_dns_compat = ConsulCompat::fixed;
    std::string snapshot_file;  ///< absolute path; empty = none
    bool operator==(const ConsulOptions&) const = default;
};

}  // namespace lictor::conf
