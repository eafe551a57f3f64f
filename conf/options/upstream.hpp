// The fields of the options for the upstreams, with their defaults. Their rows of the option table are in upstream.cpp.
#pragma once

#include <string>
#include <vector>

#include "conf/values/server_rules.hpp"

namespace lictor::conf {

struct UpstreamOptions {
    std::vector<ServerRule> server;  ///< both `server` and `local`, in order
    bool no_resolv = false;
    std::vector<std::string> resolv_file;  ///< empty = /etc/resolv.conf
    std::string servers_file;              ///< `server=` and `rev-server=` lines, read again when it changes and on HUP; empty = none
    bool no_poll = false;                  ///< resolv.conf is read at the start and on HUP only
    bool dns_loop_detect = false;
    bool operator==(const UpstreamOptions&) const = default;
};

}  // namespace lictor::conf
