// Sockets towards upstreams: performs Ask and CloseAttempt. Each attempt has its own socket, connected to the upstream and bound to a
// random port (RFC 5452 §9.2), so that only packets of that upstream reach it. TCP messages have a length in front (RFC 1035 §4.2.2).
// Used on the thread of one loop only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "conf/base/random.hpp"
#include "conf/budget/budget.hpp"
#include "resolver/answer/actions.hpp"
#include "watch/loop/loop.hpp"

namespace lictor::net {

/// The open attempts of one worker. An attempt of `one_port` over UDP shares a socket with others (one_port.hpp).
class Links {
public:
    /// A whole message arrived for an attempt. Called from the loop, never during `ask` or `close`; it may call both.
    /// The bytes, without the TCP length, are valid during the call. Not compared with the query: that is the core's part.
    using OnMessage = std::function<void(answer::AttemptId, wire::Bytes)>;
    /// The attempt failed (socket, bind, connect or send, an ICMP error, the end of a TCP stream); its socket is closed already. Called
    /// like OnMessage, on a later turn of the loop. Silence is no failure, and neither is an error of a shared socket after the query was
    /// sent.
    using OnFailure = std::function<void(answer::AttemptId)>;

    /// `attempts_max`: sockets open at once; further attempts fail. `loop` and `random` must outlive this object.
    Links(loop::Loop& loop, Random& random, std::size_t attempts_max, OnMessage on_message, OnFailure on_failure);
    ~Links();  ///< closes all sockets; calls nothing

    /// Enters what attempts have read in `account`, which must outlive this object.
    void use(budget::Account& account);
    /// Opens the socket and sends the query; TCP connects first. The UDP port is random within `port_min` and `port_max`, not one of
    /// some well-known services; with the default range the kernel's choice is the last resort. Every error becomes OnFailure.
    void ask(answer::Ask ask);
    /// Closes the socket of an attempt; ignored if there is none.
    void close(answer::AttemptId attempt);

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace lictor::net
