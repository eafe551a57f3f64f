// EDNS options about the client that lictor adds to queries for upstreams if configured: client subnet (RFC 7871; add-subnet) and the name
// of the site (add-cpe-id). Options in a client's own query are not sent on, except its subnet to the agent's DNS in strict mode. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "conf/values/record_rules.hpp"
#include "resolver/rules/rules_fwd.hpp"
#include "resolver/wire/message.hpp"

namespace lictor::forward {

/// The options as RDATA of OPT; empty if none is configured. `client`: the client's address.
std::vector<std::uint8_t> client_options(const rules::Rules& rules, const Address& client);
/// The options of the client's own query that strict mode sends to the agent: its subnet.
std::vector<std::uint8_t> same_options(const wire::Edns& edns);
/// True if the subnet is made from the client's address: the answer is then only for clients of that subnet, and not cached.
bool depends_on_client(const conf::ClientSubnet& subnet, const Address& client);

}  // namespace lictor::forward
