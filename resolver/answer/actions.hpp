// The actions that the shell must perform after a decision of the core. The core appends them to a list; the shell performs them in order.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "conf/base/address.hpp"
#include "conf/base/clock.hpp"
#include "resolver/answer/answer.hpp"
#include "resolver/answer/notices.hpp"
#include "resolver/wire/message.hpp"
#include "watch/catalog/catalog.hpp"

namespace lictor::answer {

/// Where a query came from and its reply goes to. The numbers are ids of the shell.
struct Client {
    std::uint32_t listen_socket = 0;  ///< id of the listening socket, or alias_socket
    std::uint64_t connection = 0;     ///< 0 = UDP; else the id of a TCP connection, never reused
    Endpoint peer;
    Address local;  ///< address the packet was sent to (UDP): the reply leaves from it
    std::uint32_t local_interface = 0;
    std::uint64_t serial = 0;  ///< of the query, for log-queries=extra; not compared
    Now arrived{};             ///< when a query that is answered later was read; 0: it is being decided; not compared
    bool operator==(const Client& other) const {
        return listen_socket == other.listen_socket && connection == other.connection && peer == other.peer && local == other.local &&
               local_interface == other.local_interface;
    }
};

/// How an upstream is asked.
enum class Transport : std::uint8_t { udp, tcp };

/// Id of one attempt at an upstream; never reused by one core.
using AttemptId = std::uint64_t;

/// Client::listen_socket of a query for the target of an alias: its reply becomes a part of the alias' reply.
inline constexpr std::uint32_t alias_socket = 0xffffffff;

/// Send a reply.
struct Reply {
    Client client;
    std::vector<std::uint8_t> bytes;
    Reason reason = {};  ///< only for alias_socket: becomes the reason of the alias' reply
};
/// Send a query to the upstream from a socket of its own with a random source port, and wait for the reply.
struct Ask {
    AttemptId attempt = 0;
    Endpoint upstream;
    Transport transport = Transport::udp;
    std::string interface;  ///< bind to this network device; empty = any
    std::optional<Endpoint> source;
    bool one_port = false;  ///< one socket for all attempts with this `source`, whose port 0 is chosen by the kernel
    std::uint16_t port_min = 1024, port_max = 65535;  ///< of a random source port
    std::vector<std::uint8_t> bytes;                  ///< without the TCP length
};
/// Close the attempt's socket; a later reply to it is dropped.
struct CloseAttempt {
    AttemptId attempt = 0;
};
/// Report a need to the control thread: a fact that a query needs and that is not known, or that a query still waits for.
struct FactRequest {
    catalog::Need need;
};
/// One log line for log-queries; made only if that is on.
struct QueryLog {
    std::string line;
};
/// A client's query, for the comparison with another server (shadow).
struct Sampled {
    wire::Name name;
    std::uint16_t type = 0;
};
/// A loop probe to this upstream was received as a client's query (dns-loop-detect).
struct LoopFound {
    Endpoint upstream;
};

using CoreAction = std::variant<Reply, Ask, CloseAttempt, FactRequest, QueryLog, Notice, Sampled, LoopFound>;
using Actions = std::vector<CoreAction>;

}  // namespace lictor::answer
