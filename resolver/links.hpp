// Sockets towards upstreams: performs Ask and CloseAttempt. Every attempt has a socket of its own, connected to the upstream and bound
// to a random port (RFC 5452 §9.2), so that only the upstream's packets reach it; TCP where asked, with a two-byte length (RFC 7766).
// One per loop; belongs to that loop's thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "conf/base/random.hpp"
#include "resolver/core/actions.hpp"
#include "watch/loop/loop.hpp"

namespace lictor {

class Links {
public:
    /// A whole message arrived for an attempt. Called from the loop only, never from inside `ask` or `close`.
    using OnMessage = std::function<void(AttemptId, Bytes)>;
    /// The attempt failed; its socket is closed already. Never from inside `ask` or `close`.
    using OnFailure = std::function<void(AttemptId)>;

    /// `attempts_max`: sockets open at once; a further Ask fails.
    Links(Loop& loop, Random& random, std::size_t attempts_max, OnMessage on_message, OnFailure on_failure);
    ~Links();

    void ask(Ask ask);
    void close(AttemptId attempt);
    std::size_t open() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace lictor
