// The client side of one worker: UDP in batches (recvmmsg/sendmmsg), TCP with pipelining (RFC 7766), both turned into calls of one
// handler and replies sent from the address that was asked. Knows nothing of what a question means.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "conf/base/result.hpp"
#include "conf/metrics.hpp"
#include "resolver/core/actions.hpp"
#include "watch/loop/loop.hpp"

namespace lictor {

/// A bound descriptor; the UDP and TCP sockets of one endpoint belong together. Owned here, closed with it.
class BoundSocket {
public:
    BoundSocket(int fd, Endpoint endpoint, Transport transport) : fd_(fd), endpoint_(endpoint), transport_(transport) {}
    BoundSocket(BoundSocket&& other) noexcept;
    BoundSocket& operator=(BoundSocket&& other) noexcept;
    ~BoundSocket();
    int fd() const { return fd_; }
    const Endpoint& endpoint() const { return endpoint_; }
    Transport transport() const { return transport_; }

private:
    int fd_ = -1;
    Endpoint endpoint_;
    Transport transport_ = Transport::udp;
};

struct BindRequest {
    std::vector<Endpoint> endpoints;
    std::vector<Endpoint> if_present;  ///< bound where this machine has the address, left out where not (::1 without IPv6)
    std::string device;           ///< SO_BINDTODEVICE name, empty = none
    unsigned workers = 1;         ///< SO_REUSEPORT only with more than one
    unsigned owner = 0;           ///< user that shall own the descriptors (fchown), so that it may bind into the group again
};
/// Binds UDP and TCP for every endpoint and worker. An exclusive probe comes first, so that a second instance fails loudly. A port of 0
/// is chosen by the kernel once, equal for UDP, TCP, all endpoints and all workers. Result: one vector per worker.
Result<std::vector<std::vector<BoundSocket>>> bind_all(const BindRequest& request);

/// Limits of the TCP side (RFC 7766 §6.2, RFC 9210).
struct TcpLimits {
    std::size_t connections = 1000;
    std::size_t per_client = 100;         ///< not applied to loopback; under pressure the longest idle connection goes
    milliseconds idle{10'000}, idle_pressed{2'000};
    milliseconds message{5'000};          ///< from the first byte of a message to its last
    std::size_t queued_bytes = 262'144;   ///< replies not yet taken by the client
    milliseconds write_stall{10'000};
    std::size_t in_flight = 100;          ///< questions of one connection under way; reading pauses beyond
    milliseconds owed{300'000};           ///< a connection that we owe a reply is not idle, but not for ever
};

class Listener {
public:
    /// What to do with a question: a reply of `size` bytes stands in `buffer` (answer), it comes later through `send`, or never (drop).
    struct Handled {
        enum class Kind : std::uint8_t { answer, later, drop } kind = Kind::drop;
        std::size_t size = 0;
    };
    using Handler = std::function<Handled(Bytes message, const Client&, std::span<std::uint8_t> buffer)>;
    struct Hooks {
        std::function<void()> before_batch;            ///< before each UDP batch or TCP read is handled: one look at the generation
        Handler handle;
        std::function<void(std::uint64_t)> gone;       ///< a TCP connection ended; once each, never from inside `handle` or `send`
        std::function<void()> after_batch;             ///< actions gathered during the batch are performed
    };

    Listener(Loop& loop, std::vector<BoundSocket> sockets, WorkerCounters& counters, const TcpLimits& limits, Hooks hooks);
    /// Sends what still can be sent without waiting. Hooks are not called any more.
    ~Listener();

    /// Sends a later reply. A client that is gone is no error. UDP replies that the socket does not take at once wait, bounded.
    void send(const Client& client, Bytes reply);
    /// Sends what `send` has gathered (sendmmsg); at the end of each turn of the loop that happens by itself. Calls no hook.
    void flush();
    /// Stops reading; replies may still be sent.
    void stop_reading();
    /// True while replies wait to be written.
    bool busy() const;
    std::vector<Endpoint> endpoints() const;
    /// Reload: closes the sockets whose endpoint is not among `keep` (their TCP connections live on until they end by themselves) and
    /// takes `added` in. Sockets that stay are not touched.
    void adopt(std::vector<BoundSocket> added, const std::vector<Endpoint>& keep);

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace lictor
