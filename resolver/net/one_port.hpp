// Sends queries from one fixed port (query-port, or a source port in server=), with one socket for each source. A reply is matched by the
// upstream's endpoint and the message id. This is weaker than a random port for each query (RFC 5452 §9.2), so it is used only where it is
// configured. Used on the thread of one loop only.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <unordered_map>

#include "resolver/answer/actions.hpp"
#include "watch/loop/loop.hpp"

namespace lictor::net {

/// At most 64 sockets, one per source endpoint and interface, each open until the destructor.
class OnePort {
public:
    /// A datagram from the upstream of an open attempt, with the id of its query; two bytes at least. Called from the loop; may call `ask`
    /// and `close`. The bytes are valid during the call.
    using OnMessage = std::function<void(answer::AttemptId, wire::Bytes)>;
    /// `loop` must outlive this object.
    OnePort(loop::Loop& loop, OnMessage on_message);
    ~OnePort();

    /// Sends at once, over UDP. False if there are 64 sockets, the port cannot be bound (another worker has it) or sending fails; then the
    /// attempt is not open. An upstream that cannot be reached is not reported later.
    bool ask(const answer::Ask& ask);
    /// Removes the attempt; the socket stays. Ignored if there is none.
    void close(answer::AttemptId attempt);

private:
    struct Socket;
    struct Key {
        Endpoint upstream;
        std::uint16_t id = 0;
        auto operator<=>(const Key&) const = default;
    };
    Socket* socket_for(const answer::Ask& ask);
    void on_readable(Socket& socket);

    loop::Loop& loop_;
    OnMessage on_message_;
    std::map<std::pair<Endpoint, std::string>, std::unique_ptr<Socket>> sockets_;
    std::unordered_map<answer::AttemptId, std::pair<Socket*, Key>> attempts_;
};

}  // namespace lictor::net
