// The fields of the options for replies of all kinds, with their defaults. Their rows of the option table are in reply.cpp.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "conf/values/record_rules.hpp"

namespace lictor::conf {

struct ReplyOptions {
    bool domain_needed = false;
    bool bogus_priv = false;
    bool filterwin2k = false;
    std::uint32_t local_ttl = 0;           ///< seconds
    std::optional<std::uint32_t> max_ttl;  ///< seconds; none = no bound
    std::uint32_t edns_packet_max = 1232;  ///< bytes, 512 to 65535
    bool localise_queries = false;
    bool no_round_robin = false;
    bool no_ident = false;               ///< names of class CHAOS are not answered
    bool no_answer_cookie = false;       ///< DNS cookies of clients are ignored
    std::uint32_t rrl_ratelimit = 1000;  ///< queries of one client in a network over UDP, each second; 0 = no limit
    std::uint32_t rrl_slip = 1;          ///< beyond it one in so many is answered, with TC; 0 = none
    std::vector<Network> rrl_exempt;
    bool operator==(const ReplyOptions&) const = default;
};

}  // namespace lictor::conf
