// What the socket tests share: a loop that runs until something is true, a listener that echoes, and clients that never block.
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

#include "resolver/core/frame.hpp"
#include "resolver/listener.hpp"
#include "resolver/socket_address.hpp"

namespace lictor::test {

using Message = std::vector<std::uint8_t>;

inline Endpoint endpoint(const std::string& address, std::uint16_t port = 0) { return {*Address::parse(address), port}; }

/// Twelve bytes of header with `id`, then `body`.
inline Message question(std::uint16_t id, std::string_view body = "") {
    Message out(12);
    out[0] = static_cast<std::uint8_t>(id >> 8);
    out[1] = static_cast<std::uint8_t>(id & 0xff);
    out.insert(out.end(), body.begin(), body.end());
    return out;
}
inline std::uint16_t id_of(Bytes message) { return static_cast<std::uint16_t>((message[0] << 8) | message[1]); }

/// A loop whose turns end at least every millisecond.
struct Running {
    Running() : tick(loop, [] {}) { tick.repeat(milliseconds(1)); }

    bool until(const std::function<bool()>& done, milliseconds bound = milliseconds(3000)) {
        const Now end = Loop::now() + bound;
        while (!done()) {
            if (Loop::now() > end) return false;
            uv_run(loop.raw(), UV_RUN_ONCE);
            ++turns;
        }
        return true;
    }
    void for_a(milliseconds time) {
        const Now end = Loop::now() + time;
        until([&] { return Loop::now() >= end; }, time + milliseconds(1000));
    }

    Loop loop;
    Timer tick;
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
    /// Ends the connection with a reset.
    void reset() {
        const linger now{.l_onoff = 1, .l_linger = 0};
        ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        close();
    }
    int fd() const { return fd_; }

private:
    int fd_ = -1;
};

inline Endpoint bound_to(int fd) {
    SocketAddress here;
    REQUIRE(::getsockname(fd, &here.any, &here.length) == 0);
    return here.endpoint();
}

inline Socket open_socket(int type, const Endpoint& local) {
    Socket socket(::socket(family_of(local.address), type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    REQUIRE(socket.fd() >= 0);
    const SocketAddress address(local);
    REQUIRE(::bind(socket.fd(), &address.any, address.length) == 0);
    return socket;
}

/// UDP client, not connected, so that the sender of a reply can be looked at.
struct UdpClient {
    explicit UdpClient(const std::string& address = "127.0.0.1") : socket(open_socket(SOCK_DGRAM, endpoint(address))) {
        const int bytes = 4 << 20;
        ::setsockopt(socket.fd(), SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes);
    }
    bool send(const Endpoint& to, const Message& message) {
        const SocketAddress address(to);
        return ::sendto(socket.fd(), message.data(), message.size(), 0, &address.any, address.length) == static_cast<ssize_t>(message.size());
    }
    /// Nothing if there is nothing.
    std::optional<Message> receive(Endpoint* from = nullptr) {
        Message message(65'535);
        SocketAddress peer;
        const auto got = ::recvfrom(socket.fd(), message.data(), message.size(), 0, &peer.any, &peer.length);
        if (got < 0) return std::nullopt;
        message.resize(static_cast<std::size_t>(got));
        if (from) *from = peer.endpoint();
        return message;
    }
    Socket socket;
};

struct TcpClient {
    explicit TcpClient(const Endpoint& to, const std::string& from = "127.0.0.1") : socket(open_socket(SOCK_STREAM, endpoint(from))) { REQUIRE(connect(to)); }
    explicit TcpClient(Socket made) : socket(std::move(made)) {}
    bool connect(const Endpoint& to) {
        const SocketAddress address(to);
        const int on = 1;
        ::setsockopt(socket.fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        return ::connect(socket.fd(), &address.any, address.length) == 0 || errno == EINPROGRESS;
    }
    /// As many bytes as go.
    std::size_t send(Bytes bytes) {
        const auto sent = ::send(socket.fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
        return sent > 0 ? static_cast<std::size_t>(sent) : 0;
    }
    void read() {
        std::uint8_t piece[16384];
        ssize_t got = 0;
        while ((got = ::recv(socket.fd(), piece, sizeof piece, 0)) > 0) {
            reader.put({piece, static_cast<std::size_t>(got)});
            Bytes message;
            while (reader.next(message) == FrameReader::Next::message) messages.emplace_back(message.begin(), message.end());
        }
        if (got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != ENOTCONN)) closed = true;
    }
    /// Reads and says whether `count` messages have come.
    bool has(std::size_t count) {
        read();
        return messages.size() >= count;
    }
    bool is_closed() {
        read();
        return closed;
    }

    Socket socket;
    FrameReader reader;
    std::vector<Message> messages;
    bool closed = false;
};

inline Message framed(const Message& message) {
    Message out;
    append_frame(out, message);
    return out;
}

/// A listener whose answers are echoes with QR set. The byte behind the header says otherwise: `L` later (listed in `later`), `D` drop,
/// `B` a big answer of 60,000 bytes.
struct EchoServer : Running {
    explicit EchoServer(std::vector<Endpoint> endpoints = {endpoint("127.0.0.1")}, TcpLimits limits = {}) {
        BindRequest request;
        request.endpoints = std::move(endpoints);
        request.owner = ::geteuid();
        auto bound = bind_all(request);
        if (!bound) FAIL(bound.error().text);
        at = (*bound)[0].front().endpoint();
        listener = std::make_unique<Listener>(loop, std::move((*bound)[0]), counters, limits,
                                              Listener::Hooks{.before_batch = [this] { events += 'b'; ++batches; },
                                                              .handle = [this](Bytes m, const Client& c, std::span<std::uint8_t> b) { return handle(m, c, b); },
                                                              .gone = [this](std::uint64_t number) { gone.push_back(number); },
                                                              .after_batch = [this] { events += 'a'; }});
    }

    static Message echo(Bytes message) {
        Message out(message.begin(), message.end());
        if (out.size() > 2) out[2] |= 0x80;
        return out;
    }

    Listener::Handled handle(Bytes message, const Client& client, std::span<std::uint8_t> buffer) {
        using Kind = Listener::Handled::Kind;
        events += 'h';
        sizes.push_back(message.size());
        clients.push_back(client);
        if (on_question) on_question(message, client);
        const auto how = message.size() > 12 ? message[12] : 0;
        if (how == 'D' || message.size() < 12) return {Kind::drop, 0};
        if (how == 'L') {
            later.emplace_back(client, Message(message.begin(), message.end()));
            return {Kind::later, 0};
        }
        auto reply = echo(message);
        if (how == 'B') reply.resize(60'000);
        std::copy(reply.begin(), reply.end(), buffer.begin());
        return {Kind::answer, reply.size()};
    }

    WorkerCounters counters;
    Endpoint at;
    std::string events;
    std::size_t batches = 0;
    std::vector<std::size_t> sizes;
    std::vector<Client> clients;
    std::vector<std::pair<Client, Message>> later;
    std::vector<std::uint64_t> gone;
    std::function<void(Bytes, const Client&)> on_question;
    std::unique_ptr<Listener> listener;
};

}  // namespace lictor::test
