// Ends TCP connections of this network namespace, of all its processes, by remote address and port: lists the sockets and ends each one
// (NETLINK_SOCK_DIAG with SOCK_DESTROY, as `ss -K`). Needs CAP_NET_ADMIN, and a kernel with CONFIG_INET_DIAG_DESTROY.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "conf/base/address.hpp"

namespace lictor::hooks {

/// The outcome of one round.
struct CutOutcome {
    std::vector<std::uint32_t> ended;  ///< connections, by place
    std::uint32_t failed = 0;          ///< connections that could not be ended
    int error = 0;                     ///< errno of the last failure; 0 = none
    bool revoked = false;              ///< the sockets were listed, and none was ended
};
/// Ends the connections to each place, also over IPv6 sockets with an IPv4-mapped address; connections in SYN_SENT, too. Blocks for two
/// seconds at most. `is_revoked` is called after the list is read: if it returns true, nothing is ended. A connection that is made after
/// that call is never ended.
CutOutcome cut_connections(std::span<const Endpoint> places, const std::function<bool()>& is_revoked);

/// Why no connection can be ended here, with the remedy; empty: it works. Asks the kernel to end a listening socket of its own.
std::string find_cut_problem();
/// The sentence for an errno of these functions.
std::string cut_problem(int error);

}  // namespace lictor::hooks
