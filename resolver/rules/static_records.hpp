// Records from the configuration (txt-record, ptr-record, srv-host, mx-host, naptr-record, caa-record, dns-rr), as wire data by name (RFC
// 1035 §3.3, RFC 2782, RFC 3403, RFC 8659, RFC 3597). Made once for each LocalData.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "conf/options/options_fwd.hpp"
#include "resolver/rules/local_data.hpp"
#include "resolver/wire/message.hpp"

namespace lictor::rules {

/// Adds them to `data`. `ttl`: in seconds. `host_name`: this machine's, the target of an `mx-host` without one unless mx-target is set.
/// Invalid names add a note and are skipped.
void add_static_records(LocalData& data, const conf::LocalOptions& options, std::uint32_t ttl, const std::string& host_name,
                        std::vector<std::string>& notes);

/// An MX record; localmx and selfmx synthesize it for names with an address in local data.
StaticRecord mx_record(std::uint16_t preference, const wire::Name& target, std::uint32_t ttl);

}  // namespace lictor::rules
