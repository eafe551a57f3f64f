// A socket stays open until the process ends: if it were closed between two queries, another process could bind the port.
#include "resolver/net/one_port.hpp"

#include <net/if.h>
#include <unistd.h>

#include <cerrno>

#include "conf/base/bytes.hpp"
#include "resolver/net/socket_address.hpp"

namespace lictor::net {
namespace {

constexpr std::size_t sockets_max = 64;  // sources come from the configuration; only many reloads reach this
constexpr std::size_t buffer_bytes = 65'535;
constexpr int reads_per_turn = 64;

}  // namespace

struct OnePort::Socket {
    ~Socket() {
        watch.stop();
        if (fd >= 0) ::close(fd);
    }
    int fd = -1;
    loop::FdWatch watch;
    std::multimap<Key, answer::AttemptId> waiting;
};

OnePort::OnePort(loop::Loop& loop, OnMessage on_message) : loop_(loop), on_message_(std::move(on_message)) {}
OnePort::~OnePort() = default;

OnePort::Socket* OnePort::socket_for(const answer::Ask& ask) {
    const Endpoint source = ask.source.value_or(Endpoint{});
    const auto found = sockets_.find({source, ask.interface});
    if (found != sockets_.end()) return found->second.get();
    if (sockets_.size() >= sockets_max) return nullptr;
    auto socket = std::make_unique<Socket>();
    socket->fd = ::socket(source.address.v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (socket->fd < 0) return nullptr;
    const int on = 1;
    if (source.address.v6) ::setsockopt(socket->fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (!ask.interface.empty() &&
        ::setsockopt(socket->fd, SOL_SOCKET, SO_BINDTODEVICE, ask.interface.c_str(), static_cast<socklen_t>(ask.interface.size() + 1)) != 0)
        return nullptr;
    const SocketAddress address(source, 0);
    if (::bind(socket->fd, &address.any, address.length) != 0) return nullptr;
    if (!socket->watch.start(loop_, socket->fd, UV_READABLE, [this, raw = socket.get()](int) { on_readable(*raw); })) return nullptr;
    return sockets_.emplace(std::pair(source, ask.interface), std::move(socket)).first->second.get();
}

bool OnePort::ask(const answer::Ask& ask) {
    Socket* const socket = socket_for(ask);
    if (!socket || ask.bytes.size() < 2) return false;
    const bool scoped = ask.upstream.address.is_link_local() && !ask.interface.empty();
    const SocketAddress to(ask.upstream, scoped ? ::if_nametoindex(ask.interface.c_str()) : 0);
    ssize_t sent = 0;
    do sent = ::sendto(socket->fd, ask.bytes.data(), ask.bytes.size(), MSG_NOSIGNAL, &to.any, to.length);
    while (sent < 0 && errno == EINTR);
    if (sent < 0) return false;
    const Key key{ask.upstream, load_u16(ask.bytes.data())};
    socket->waiting.emplace(key, ask.attempt);
    attempts_.insert_or_assign(ask.attempt, std::pair(socket, key));
    return true;
}

void OnePort::close(answer::AttemptId attempt) {
    const auto found = attempts_.find(attempt);
    if (found == attempts_.end()) return;
    auto& [socket, key] = found->second;
    const auto [first, last] = socket->waiting.equal_range(key);
    for (auto at = first; at != last; ++at) {
        if (at->second != attempt) continue;
        socket->waiting.erase(at);
        break;
    }
    attempts_.erase(found);
}

void OnePort::on_readable(Socket& socket) {
    static thread_local std::unique_ptr<std::uint8_t[]> buffer = std::make_unique_for_overwrite<std::uint8_t[]>(buffer_bytes);
    for (int i = 0; i < reads_per_turn; ++i) {
        SocketAddress from;
        from.length = sizeof from.v6;
        const ssize_t got = ::recvfrom(socket.fd, buffer.get(), buffer_bytes, 0, &from.any, &from.length);
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
        if (got < 2) continue;  // an error of one upstream: its attempt ends by time-out
        const Key key{from.endpoint(), load_u16(buffer.get())};
        const auto found = socket.waiting.find(key);
        if (found != socket.waiting.end()) on_message_(found->second, {buffer.get(), static_cast<std::size_t>(got)});
    }
}

}  // namespace lictor::net
