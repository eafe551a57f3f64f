// EDNS options about who asks, put into questions for upstreams where the operator wants it: client subnet (RFC 7871; add-subnet) and the
// name of the site (add-cpe-id). Nothing that a client itself wrote into its EDNS ever goes upstream. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "resolver/core/rules.hpp"
#include "resolver/wire/message.hpp"

namespace lictor {

/// The options as they stand in OPT's data.
std::vector<std::uint8_t> client_options(const Rules& rules, const Address& client);
/// Those of the client's own question that are passed on where it is asked as it came: its subnet.
std::vector<std::uint8_t> same_options(const Edns& edns);
/// True if the subnet is cut from the client's own address: the answer is then for this client only.
bool depends_on_client(const ClientSubnet& subnet, const Address& client);

}  // namespace lictor
