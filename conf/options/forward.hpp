// The fields of the options for forwarding, with their defaults. Their rows of the option table are in forward.cpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "conf/values/record_rules.hpp"

namespace lictor::conf {

struct ForwardOptions {
    bool strict_order = false;                 ///< the upstreams are used in the order given
    bool all_servers = false;                  ///< each query goes to all upstreams at once
    std::uint32_t dns_forward_max = 10000;     ///< queries in flight of one worker, 1 at least
    std::optional<std::uint16_t> query_port;   ///< source port of all queries; 0 = one that the kernel chooses
    std::uint32_t min_port = 0, max_port = 0;  ///< of random source ports; 0 = 1024 and 65535
    std::uint32_t port_limit = 1;              ///< accepted without effect
    std::uint32_t forward_timeout = 4500;      ///< milliseconds until a client gets SERVFAIL if no upstream answers
    std::optional<FastRetry> fast_dns_retry;
    bool do_0x20_encode = false;             ///< random letter case in questions
    bool no_send_cookie = false;             ///< no DNS cookies to upstreams
    bool proxy_dnssec = false;               ///< the AD bit of upstreams is passed on
    std::optional<ClientSubnet> add_subnet;  ///< with neither family given: the subnet /0
    bool strip_subnet = false;
    AddMac add_mac = AddMac::off;
    bool strip_mac = false;
    std::string add_cpe_id;
    bool operator==(const ForwardOptions&) const = default;
};

}  // namespace lictor::conf
