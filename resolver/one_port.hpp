// Questions that all leave from one port (query-port, a source port in server=): one socket for each source, replies told apart by who
// sent them and by their id, since the port no longer tells (RFC 5452 §9.2: weaker than a socket of its own, and what was asked for).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <unordered_map>

#include "resolver/core/actions.hpp"
#include "watch/loop/loop.hpp"

namespace lictor {

class OnePort {
public:
    using OnMessage = std::function<void(AttemptId, Bytes)>;
    OnePort(Loop& loop, OnMessage on_message);
    ~OnePort();

    /// Sends; false if the port cannot be had (another worker has it) or the network refuses.
    bool ask(const Ask& ask);
    void close(AttemptId attempt);
    std::size_t open() const { return where_.size(); }

private:
    struct Socket;
    struct Key {
        Endpoint upstream;
        std::uint16_t id = 0;
        auto operator<=>(const Key&) const = default;
    };
    Socket* socket_for(const Ask& ask);
    void on_readable(Socket& socket);

    Loop& loop_;
    OnMessage on_message_;
    std::map<std::pair<Endpoint, std::string>, std::unique_ptr<Socket>> sockets_;
    std::unordered_map<AttemptId, std::pair<Socket*, Key>> where_;
};

}  // namespace lictor
