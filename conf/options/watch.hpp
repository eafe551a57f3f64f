// The options that the code for reading Consul uses: those about the HTTP API, Consul's data, leaders and held queries.
#pragma once

#include "conf/options/consul.hpp"
#include "conf/options/consul_http.hpp"
#include "conf/options/hold.hpp"
#include "conf/options/leader.hpp"

namespace lictor::conf {

struct WatchOptions : ConsulHttpOptions, ConsulOptions, LeaderOptions, HoldOptions {
    bool operator==(const WatchOptions&) const = default;
};

}  // namespace lictor::conf
