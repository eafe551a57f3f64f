// Which sockets has systemd bound for this process (systemd.socket(5), sd_listen_fds(3))? systemd keeps them open when lictor ends, so
// queries that arrive during a restart wait in their queues.
#pragma once

#include <vector>

#include "conf/base/result.hpp"
#include "resolver/net/listen_sockets.hpp"

namespace lictor::net {

/// The sockets of LISTEN_FDS, checked, non-blocking and close-on-exec, with the options of lictor's own sockets. Empty without LISTEN_FDS,
/// or if LISTEN_PID names another process. The variables LISTEN_* are removed from the environment. Each address has one UDP and one TCP
/// socket. The error names the socket that lictor cannot serve, and the line to write in the socket unit. Call once, before any
/// thread, fork or socket.
Result<std::vector<BoundSocket>> take_inherited_sockets();

/// A second descriptor of the same socket (dup(2)), for a further worker: both read one queue. The error has strerror(3)'s text.
Result<BoundSocket> duplicate(const BoundSocket& socket);

}  // namespace lictor::net
