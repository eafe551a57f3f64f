// Reads LISTEN_PID and LISTEN_FDS; asks the kernel what each descriptor is.
#include "resolver/net/inherited_sockets.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "resolver/net/socket_address.hpp"

namespace lictor::net {
namespace {

constexpr int first_descriptor = STDERR_FILENO + 1;
constexpr int descriptors_max = 64;  // 32 addresses

std::optional<int> number_of(const char* name) {
    const char* const text = std::getenv(name);
    if (!text) return std::nullopt;
    const std::string_view word = text;
    int number = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
    return error == std::errc() && end == word.data() + word.size() ? std::optional(number) : std::nullopt;
}

std::optional<int> option_of(int fd, int level, int option) {
    int value = 0;
    socklen_t size = sizeof value;
    return ::getsockopt(fd, level, option, &value, &size) == 0 ? std::optional(value) : std::nullopt;
}

std::string_view directive_of(answer::Transport transport) {
    return transport == answer::Transport::udp ? "ListenDatagram=" : "ListenStream=";
}

/// `127.0.0.1:53` or `[::1]:53`, as systemd writes it.
std::string unit_form(const Endpoint& endpoint) {
    const auto address = endpoint.address.text();
    return (endpoint.address.v6 ? '[' + address + ']' : address) + ':' + std::to_string(endpoint.port);
}

Result<BoundSocket> checked(int fd) {
    const std::string which = "the socket unit hands over descriptor " + std::to_string(fd) + ", which ";
    const auto family = option_of(fd, SOL_SOCKET, SO_DOMAIN), type = option_of(fd, SOL_SOCKET, SO_TYPE);
    const bool internet = family && (*family == AF_INET || *family == AF_INET6);
    if (!internet || !type || (*type != SOCK_DGRAM && *type != SOCK_STREAM))
        return Error{which + "is no UDP or TCP socket; write only ListenDatagram= and ListenStream= with an address and a port"};
    const auto transport = *type == SOCK_DGRAM ? answer::Transport::udp : answer::Transport::tcp;
    if (transport == answer::Transport::tcp && option_of(fd, SOL_SOCKET, SO_ACCEPTCONN) != 1)
        return Error{which + "is a TCP connection; write Accept=no in the socket unit"};
    SocketAddress address;
    if (::getsockname(fd, &address.any, &address.length) != 0) return Error{which + "has no address: " + std::strerror(errno)};
    const auto endpoint = address.endpoint();
    if (endpoint.port == 0) return Error{which + "is not bound; write an address and a port in " + std::string(directive_of(transport))};
    if (*family == AF_INET6 && endpoint.address.is_unspecified() && option_of(fd, IPPROTO_IPV6, IPV6_V6ONLY) != 1)
        return Error{which + "takes IPv4 and IPv6; write BindIPv6Only=ipv6-only in the socket unit, and a line for 0.0.0.0"};
    const int flags = ::fcntl(fd, F_GETFL);
    if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 || ::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
        return Error{which + "cannot be used: " + std::strerror(errno)};
    if (transport == answer::Transport::udp) tune_udp(fd, endpoint.address);
    return BoundSocket(fd, endpoint, transport);
}

}  // namespace

Result<std::vector<BoundSocket>> take_inherited_sockets() {
    const auto process = number_of("LISTEN_PID"), count = number_of("LISTEN_FDS");
    for (const char* name : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}) ::unsetenv(name);
    std::vector<BoundSocket> sockets;
    if (!process || !count || *process != ::getpid() || *count <= 0) return sockets;
    if (*count > descriptors_max)
        return Error{"the socket unit hands over " + std::to_string(*count) + " sockets; lictor takes at most " +
                     std::to_string(descriptors_max)};
    for (int fd = first_descriptor; fd < first_descriptor + *count; ++fd) {
        auto socket = checked(fd);
        if (!socket) return socket.error();
        sockets.push_back(std::move(*socket));
    }
    for (const auto& socket : sockets) {
        const auto matching = [&](answer::Transport transport) {
            return std::count_if(sockets.begin(), sockets.end(), [&](const BoundSocket& other) {
                return other.endpoint() == socket.endpoint() && other.transport() == transport;
            });
        };
        for (const auto transport : {answer::Transport::udp, answer::Transport::tcp})
            if (matching(transport) != 1)
                return Error{"the socket unit hands over " + std::to_string(matching(transport)) + " sockets for " +
                             unit_form(socket.endpoint()) + (transport == answer::Transport::udp ? " (UDP)" : " (TCP)") + "; write one " +
                             std::string(directive_of(transport)) + unit_form(socket.endpoint())};
    }
    return sockets;
}

Result<BoundSocket> duplicate(const BoundSocket& socket) {
    const int fd = ::fcntl(socket.fd(), F_DUPFD_CLOEXEC, first_descriptor);
    if (fd < 0) return Error{std::strerror(errno)};
    return BoundSocket(fd, socket.endpoint(), socket.transport());
}

}  // namespace lictor::net
