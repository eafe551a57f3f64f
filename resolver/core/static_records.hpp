// Records that the configuration states word for word (txt-record, ptr-record, srv-host, mx-host, naptr-record, caa-record, dns-rr), as
// wire data by name (RFC 1035 §3.3, RFC 2782, RFC 3403, RFC 8659, RFC 3597). Pure; made once for each configuration.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "conf/options.hpp"
#include "resolver/core/local_data.hpp"
#include "resolver/core/rules.hpp"
#include "resolver/wire/message.hpp"

namespace lictor {

/// Adds them to `data`. `host_name`: this machine's own, the target of an `mx-host` that names none.
void add_static_records(LocalData& data, const Options& options, const std::string& host_name, std::vector<std::string>& notes);

/// The MX of `localmx` and `selfmx`, for names with an address of ours.
StaticRecord mx_record(std::uint16_t preference, const Name& target, std::uint32_t ttl);

}  // namespace lictor
