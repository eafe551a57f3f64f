// Common code of the socket tests: a loop that runs until a condition holds, an echo server, and non-blocking clients.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <functional>
#include <map>
#include <numeric>
#include <string>
#include <vector>

#include "conf/metrics/causes.hpp"
#include "conf/metrics/metrics.hpp"
#include "resolver/net/listener.hpp"
#include "resolver/net/socket_address.hpp"
#include "resolver/wire/frame.hpp"

namespace lictor::test {

using Message = std::vector<std::uint8_t>;

/// The address must be valid. Port 0: chosen by the kernel.
inline Endpoint endpoint(const std::string& address, std::uint16_t port = 0) { return {*Address::parse(address), port}; }

/// Twelve bytes of header with `id`, then `body`.
inline Message query(std::uint16_t id, std::string_view body = "") {
    Message out(12);
    out[0] = static_cast<std::uint8_t>(id >> 8);
    out[1] = static_cast<std::uint8_t>(id & 0xff);
    out.insert(out.end(), body.begin(), body.end());
    return out;
}
inline std::uint16_t id_of(wire::Bytes message) { return static_cast<std::uint16_t>((message[0] << 8) | message[1]); }

/// A loop whose turns end at least every millisecond.
struct Running {
    Running() : tick(loop, [] {}) { tick.repeat(milliseconds(1)); }

    /// Runs the loop until `done`; false if that lasts longer than `bound`.
    bool until(const std::function<bool()>& done, milliseconds bound = milliseconds(3000)) {
        const Now end = loop::Loop::now() + bound;
        while (!done()) {
            if (loop::Loop::now() > end) return false;
            uv_run(loop.raw(), UV_RUN_ONCE);
            ++turns;
        }
        return true;
    }
    void for_a(milliseconds time) {
        const Now end = loop::Loop::now() + time;
        until([&] { return loop::Loop::now() >= end; }, time + milliseconds(1000));
    }

    loop::Loop loop;
    loop::Timer tick;
    std::uint64_t turns = 0;
};

/// A socket that is closed at the end of its test.
class Socket {
public:
    Socket() = default;
    explicit Socket(int fd) : fd_(fd) {}
    Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Socket& operator=(Socket&& other) noexcept {
        close();
        fd_ = std::exchange(other.fd_, -1);
        return *this;
    }
    ~Socket() { close(); }
    void close() {
        if (fd_ >= 0) ::close(std::exchange(fd_, -1));
    }
    /// Closes the connection with a RST.
    void reset() {
        const linger now{.l_onoff = 1, .l_linger = 0};
        ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        close();
    }
    int fd() const { return fd_; }

private:
    int fd_ = -1;
};

/// getsockname(2); the test fails on an error.
inline Endpoint bound_to(int fd) {
    net::SocketAddress here;
    REQUIRE(::getsockname(fd, &here.any, &here.length) == 0);
    return here.endpoint();
}

/// A bound, non-blocking socket, not listening; the test fails on an error. `type`: SOCK_DGRAM or SOCK_STREAM.
inline Socket open_socket(int type, const Endpoint& local) {
    Socket socket(::socket(net::family_of(local.address), type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    REQUIRE(socket.fd() >= 0);
    const net::SocketAddress address(local);
    REQUIRE(::bind(socket.fd(), &address.any, address.length) == 0);
    return socket;
}

/// A UDP client, not connected, so that the source of a reply can be checked.
struct UdpClient {
    explicit UdpClient(const std::string& address = "127.0.0.1") : socket(open_socket(SOCK_DGRAM, endpoint(address))) {
        const int bytes = 4 << 20;
        ::setsockopt(socket.fd(), SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes);
    }
    /// True if the kernel took the datagram.
    bool send(const Endpoint& to, const Message& message) {
        const net::SocketAddress address(to);
        return ::sendto(socket.fd(), message.data(), message.size(), 0, &address.any, address.length) ==
               static_cast<ssize_t>(message.size());
    }
    /// The next datagram, if there is one.
    std::optional<Message> receive(Endpoint* from = nullptr) {
        Message message(65'535);
        net::SocketAddress peer;
        const auto got = ::recvfrom(socket.fd(), message.data(), message.size(), 0, &peer.any, &peer.length);
        if (got < 0) return std::nullopt;
        message.resize(static_cast<std::size_t>(got));
        if (from) *from = peer.endpoint();
        return message;
    }
    Socket socket;
};

/// A non-blocking client: `connect` only begins the connection, and `send` takes bytes once it is made.
struct TcpClient {
    explicit TcpClient(const Endpoint& to, const std::string& from = "127.0.0.1") : socket(open_socket(SOCK_STREAM, endpoint(from))) {
        REQUIRE(connect(to));
    }
    explicit TcpClient(Socket made) : socket(std::move(made)) {}
    bool connect(const Endpoint& to) {
        const net::SocketAddress address(to);
        const int on = 1;
        ::setsockopt(socket.fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        return ::connect(socket.fd(), &address.any, address.length) == 0 || errno == EINPROGRESS;
    }
    /// Sends as many bytes as the socket takes; returns their number.
    std::size_t send(wire::Bytes bytes) {
        const auto sent = ::send(socket.fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
        return sent > 0 ? static_cast<std::size_t>(sent) : 0;
    }
    /// Reads what has arrived into `messages`; sets `closed` at the end of the stream and after an error.
    void read() {
        std::uint8_t piece[16384];
        ssize_t got = 0;
        while ((got = ::recv(socket.fd(), piece, sizeof piece, 0)) > 0) {
            reader.put({piece, static_cast<std::size_t>(got)});
            wire::Bytes message;
            while (reader.next(message) == wire::FrameReader::Next::message) messages.emplace_back(message.begin(), message.end());
        }
        if (got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != ENOTCONN)) closed = true;
    }
    /// Reads; true if at least `count` messages have arrived.
    bool has(std::size_t count) {
        read();
        return messages.size() >= count;
    }
    bool is_closed() {
        read();
        return closed;
    }

    Socket socket;
    wire::FrameReader reader;
    std::vector<Message> messages;
    bool closed = false;
};

/// With its length in front (RFC 1035 §4.2.2).
inline Message framed(const Message& message) {
    Message out;
    wire::append_frame(out, message);
    return out;
}

/// A listener that echoes queries with QR set. The byte behind the header changes this: `L` answers later (listed in `later`), `D` drops,
/// `B` answers with 60,000 bytes, `G` says that it was no query.
struct EchoServer : Running {
    explicit EchoServer(std::vector<Endpoint> endpoints = {endpoint("127.0.0.1")}, net::TcpLimits limits = {}) {
        net::BindRequest request;
        request.endpoints = std::move(endpoints);
        request.owner = ::geteuid();
        auto bound = net::bind_all(request);
        if (!bound) FAIL(bound.error().text);
        at = (*bound)[0].front().endpoint();
        listener = std::make_unique<net::Listener>(
            loop, std::move((*bound)[0]), counters, limits,
            net::Listener::Hooks{
                .before_batch =
                    [this] {
                        events += 'b';
                        ++batches;
                    },
                .handle = [this](wire::Bytes m, const answer::Client& c, std::span<std::uint8_t> b) { return handle(m, c, b); },
                .gone = [this](std::uint64_t number) { gone.push_back(number); },
                .after_batch = [this] { events += 'a'; }});
    }

    static Message echo(wire::Bytes message) {
        Message out(message.begin(), message.end());
        if (out.size() > 2) out[2] |= 0x80;
        return out;
    }

    answer::Answer handle(wire::Bytes message, const answer::Client& client, std::span<std::uint8_t> buffer) {
        events += 'h';
        sizes.push_back(message.size());
        clients.push_back(client);
        if (on_query) on_query(message, client);
        const auto how = message.size() > 12 ? message[12] : 0;
        if (how == 'D' || message.size() < 12) return {};
        if (how == 'L') {
            later.emplace_back(client, Message(message.begin(), message.end()));
            return answer::Answer::comes_later();
        }
        auto reply = echo(message);
        if (how == 'B') reply.resize(60'000);
        std::copy(reply.begin(), reply.end(), buffer.begin());
        if (how == 'G') return answer::Answer::from(answer::Source::error, reply.size(), {answer::Cause::malformed});
        return answer::Answer::from(answer::Source::local, reply.size());
    }

    metrics::WorkerCounters counters;
    Endpoint at;         ///< where it listens
    std::string events;  ///< the order of hooks: b before_batch, h handle, a after_batch
    std::size_t batches = 0;
    std::vector<std::size_t> sizes;
    std::vector<answer::Client> clients;
    std::vector<std::pair<answer::Client, Message>> later;
    std::vector<std::uint64_t> gone;
    std::function<void(wire::Bytes, const answer::Client&)> on_query;
    std::unique_ptr<net::Listener> listener;
};

}  // namespace lictor::test
