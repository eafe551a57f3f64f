// What the core asks the shell to do. The core decides and puts actions into a list; the shell performs them in order and forgets them.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "conf/base/address.hpp"
#include "conf/base/clock.hpp"
#include "resolver/core/zone.hpp"

namespace lictor {

/// Where a question came from and its reply goes. A value; the shell knows what the numbers mean.
struct Client {
    std::uint32_t door = 0;          ///< which listening socket
    std::uint64_t connection = 0;    ///< 0 = UDP; else a TCP connection's number, never used twice
    Endpoint peer;
    Address local;                   ///< address the packet was sent to (UDP): the reply leaves from it
    std::uint32_t local_interface = 0;
    std::uint64_t serial = 0;        ///< of the question, for log-queries=extra; no part of who the client is
    bool operator==(const Client& other) const {
        return door == other.door && connection == other.connection && peer == other.peer && local == other.local && local_interface == other.local_interface;
    }
};

enum class Transport : std::uint8_t { udp, tcp };

/// Number of one try at an upstream; never used twice by one core.
using AttemptId = std::uint64_t;

/// Send a ready reply.
struct Reply {
    Client client;
    std::vector<std::uint8_t> bytes;
};
/// Open a socket of its own to the upstream (random source port), send, wait.
struct Ask {
    AttemptId attempt = 0;
    Endpoint upstream;
    Transport transport = Transport::udp;
    std::string interface;                   ///< bind to this device; empty = any
    std::optional<Endpoint> source;
    bool one_port = false;                   ///< `source`'s port carries all questions that name it (0: one that the system chooses)
    std::uint16_t port_min = 1024, port_max = 65535;   ///< of a random source port
    std::vector<std::uint8_t> bytes;         ///< without the TCP length
};
/// Close the attempt's socket; whatever comes later for it is nobody's.
struct CloseAttempt {
    AttemptId attempt = 0;
};
/// Tell the control thread what is asked for and not known, or that somebody waits for it.
struct Want {
    Need need;
};
/// One log line for log-queries; only made when it is on.
struct QueryLog {
    std::string line;
};
/// Something an operator should see once in a while.
struct Notice {
    enum class Kind : std::uint8_t { overload, waiting_overflow, upstream_refused, rebind } kind;
    std::string text;
};

/// A question of a client, for the comparison with another server.
struct Sampled {
    Name name;
    std::uint16_t type = 0;
};
/// A loop probe that was sent to this upstream has come back as a client's question.
struct LoopFound {
    Endpoint upstream;
};

using CoreAction = std::variant<Reply, Ask, CloseAttempt, Want, QueryLog, Notice, Sampled, LoopFound>;
using Actions = std::vector<CoreAction>;

}  // namespace lictor
