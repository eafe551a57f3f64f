// Serves clients on the listen sockets of one worker: UDP in batches (recvmmsg/sendmmsg), TCP with pipelining (RFC 7766). Both call one
// handler, and replies leave from the address that was queried. It does not parse messages. Used on the thread of one loop only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "conf/metrics/metrics_fwd.hpp"
#include "resolver/answer/actions.hpp"
#include "resolver/net/listen_sockets.hpp"
#include "watch/loop/loop.hpp"

namespace lictor::net {

/// Limits of the TCP side of one worker (RFC 7766 §6.2, RFC 9210).
struct TcpLimits {
    std::size_t connections = 1000;      ///< open at once
    std::size_t per_client = 100;        ///< not applied to loopback; at a bound the longest idle connection is closed
    milliseconds idle{10'000};           ///< with no open query, from the last query or reply on
    milliseconds idle_pressed{2'000};    ///< instead of `idle` from three quarters of `connections` on
    milliseconds message{5'000};         ///< from the first byte of a message to the last
    std::size_t queued_bytes = 262'144;  ///< bytes of replies that the client has not read
    milliseconds write_stall{10'000};    ///< since the client last read anything
    std::size_t in_flight = 100;         ///< queries of one connection without a reply; at the bound reading pauses
    milliseconds owed{300'000};          ///< a connection that waits for a reply is closed after this
};

/// The listen sockets and clients of one worker.
class Listener {
public:
    /// Handles one query: the reply is the first `size` bytes of `buffer`; after `later` the handler calls `send` within a bound. `message`
    /// may be malformed, and is valid during the call. `buffer` has room for the longest message of the transport.
    using Handler = std::function<answer::Answer(wire::Bytes message, const answer::Client&, std::span<std::uint8_t> buffer)>;
    /// All are called on the loop's thread. None may destroy the Listener.
    struct Hooks {
        std::function<void()> before_batch;       ///< before the messages of one UDP batch or TCP read
        Handler handle;                           ///< once per message of the batch
        std::function<void(std::uint64_t)> gone;  ///< a TCP connection ended; once each, never during `handle` or `send`
        std::function<void()> after_batch;        ///< after them
    };

    /// Serves `sockets` from the next turn of the loop on. `loop` and `counters` must outlive this object.
    Listener(loop::Loop& loop, std::vector<BoundSocket> sockets, metrics::WorkerCounters& counters, const TcpLimits& limits, Hooks hooks);
    /// Sends what can be sent without waiting, and closes every socket. Calls no hook.
    ~Listener();

    /// Sends a later reply; ignored if the client is gone. Up to 1024 UDP replies and 1 MiB per socket wait for room in the kernel; further
    /// ones are dropped and counted. A TCP client with more than `TcpLimits::queued_bytes` unread is disconnected. `reply` is copied.
    void send(const answer::Client& client, wire::Bytes reply);
    /// Sends what `send` has gathered. Happens by itself at the end of each turn of the loop. Calls no hook.
    void flush();
    /// Stops reading and accepting for good; replies can still be sent.
    void stop_reading();
    /// True while replies wait to be written.
    bool busy() const;
    /// Closes the sockets whose endpoint is not in `keep` and serves `added`. Not during a hook. TCP connections of closed sockets stay
    /// until they end.
    void adopt(std::vector<BoundSocket> added, const std::vector<Endpoint>& keep);

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace lictor::net
