// One netlink socket for each round. All waits are bounded.
#include "resolver/hooks/cut_connections.hpp"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "resolver/cut/socket_diag.hpp"

namespace lictor::hooks {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto round_max = std::chrono::seconds(2);
/// Sockets of one list; the next list has the others.
constexpr std::size_t sockets_max = 65'536;
/// A list that is interrupted is read again.
constexpr int lists_max = 3;
/// The kernel makes no longer datagrams.
constexpr std::size_t datagram_max = 64 << 10;

/// A NETLINK_SOCK_DIAG socket for one request at a time.
class SockDiag {
public:
    explicit SockDiag(Clock::time_point until)
        : until_(until), socket_(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG)), buffer_(datagram_max, '\0') {
        const timeval wait{.tv_sec = 0, .tv_usec = 500'000};
        if (socket_ < 0 || setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) != 0) error_ = errno;
    }
    ~SockDiag() {
        if (socket_ >= 0) close(socket_);
    }
    SockDiag(const SockDiag&) = delete;
    SockDiag& operator=(const SockDiag&) = delete;

    std::uint32_t next_number() { return ++number_; }
    bool in_time() const { return Clock::now() < until_; }

    /// The reply to a request with the number that `next_number` gave last. `reply.error` also has the errno of send(2) and recvmsg(2).
    cut::DiagReply ask(const std::string& request) {
        cut::DiagReply reply;
        reply.error = error_;
        if (reply.error != 0) return reply;
        sockaddr_nl kernel{};
        kernel.nl_family = AF_NETLINK;
        while (sendto(socket_, request.data(), request.size(), 0, reinterpret_cast<const sockaddr*>(&kernel), sizeof kernel) < 0) {
            if (errno == EINTR && in_time()) continue;
            reply.error = errno;
            return reply;
        }
        while (!reply.done) {
            if (!in_time()) {
                reply.error = ETIMEDOUT;
                return reply;
            }
            receive(reply);
        }
        return reply;
    }

private:
    void receive(cut::DiagReply& reply) {
        sockaddr_nl from{};
        iovec into{.iov_base = buffer_.data(), .iov_len = buffer_.size()};
        msghdr message{};
        message.msg_name = &from;
        message.msg_namelen = sizeof from;
        message.msg_iov = &into;
        message.msg_iovlen = 1;
        const ssize_t got = recvmsg(socket_, &message, 0);
        if (got < 0 && (errno == EINTR || errno == EAGAIN)) return;
        if (got < 0) {
            // ENOBUFS: the list is longer than the receive buffer.
            reply.interrupted = reply.interrupted || errno == ENOBUFS;
            reply.error = errno == ENOBUFS ? 0 : errno;
            reply.done = true;
            return;
        }
        if (from.nl_pid != 0) return;  // not from the kernel
        const std::string_view bytes(buffer_.data(), static_cast<std::size_t>(got));
        const bool whole = (message.msg_flags & MSG_TRUNC) == 0 && cut::read_reply(bytes, number_, reply);
        if (!whole) reply.interrupted = true;
        if (!whole && reply.sockets.empty()) reply.error = EBADMSG;
        if (!whole || reply.sockets.size() >= sockets_max) {
            reply.interrupted = reply.done = true;  // the rest stays in the socket; its number is an old one then
        }
    }

    Clock::time_point until_;
    int socket_;
    std::string buffer_;
    std::uint32_t number_ = 0;
    int error_ = 0;
};

}  // namespace

CutOutcome cut_connections(std::span<const Endpoint> places, const std::function<bool()>& is_revoked) {
    CutOutcome outcome;
    outcome.ended.assign(places.size(), 0);
    const auto until = Clock::now() + round_max;
    std::vector<std::uint16_t> ports;
    for (const auto& place : places)
        if (std::ranges::find(ports, place.port) == ports.end()) ports.push_back(place.port);

    bool again = true;
    for (int list = 0; again && list < lists_max; ++list) {
        again = false;
        std::vector<cut::TcpSocket> found;
        for (const auto port : ports)
            for (const auto family : {cut::family_v4, cut::family_v6}) {
                SockDiag diag(until);
                auto reply = diag.ask(cut::list_request(family, port, diag.next_number()));
                again = again || reply.interrupted;
                // Without IPv6 in the kernel there is no list of its sockets.
                if (reply.error != 0 && !(family == cut::family_v6 && (reply.error == ENOENT || reply.error == EAFNOSUPPORT)))
                    outcome.error = reply.error;
                std::ranges::copy_if(reply.sockets, std::back_inserter(found), [&](const cut::TcpSocket& socket) {
                    return cut::is_in_use(socket) && std::ranges::find(places, socket.remote()) != places.end();
                });
            }
        if (is_revoked()) {
            outcome.revoked = true;
            return outcome;
        }
        SockDiag diag(until);
        for (std::size_t i = 0; i < found.size(); ++i) {
            const auto reply = diag.ask(cut::destroy_request(found[i], diag.next_number()));
            if (reply.error == 0) {
                ++outcome.ended[static_cast<std::size_t>(std::ranges::find(places, found[i].remote()) - places.begin())];
            } else if (reply.error != ENOENT && reply.error != ESTALE) {         // not: it has ended meanwhile
                outcome.failed += static_cast<std::uint32_t>(found.size() - i);  // the cause is the same for the others
                outcome.error = reply.error;
                break;
            }
        }
        if (outcome.error != 0) break;
    }
    return outcome;
}

std::string cut_problem(int error) {
    std::string cause = std::string("leader-cut: no connection can be ended: ") + std::strerror(error);
    switch (error) {
        case EPERM:
        case EACCES:
            return cause +
                   "; grant CAP_NET_ADMIN (cap_add: [NET_ADMIN] in a compose file, --cap-add NET_ADMIN, AmbientCapabilities= and "
                   "CapabilityBoundingSet= in a unit)";
        case EOPNOTSUPP: return cause + "; the kernel needs CONFIG_INET_DIAG_DESTROY";
        case ENOENT: return cause + "; the kernel needs CONFIG_INET_DIAG (the modules inet_diag and tcp_diag)";
        case EPROTONOSUPPORT: return cause + "; the kernel needs CONFIG_INET_DIAG, or this sandbox forbids NETLINK_SOCK_DIAG";
        default: return cause;
    }
}

std::string find_cut_problem() {
    SockDiag diag(Clock::now() + round_max);
    const auto listed = diag.ask(cut::list_request(cut::family_v4, 0xffff, diag.next_number()));
    if (listed.error != 0) return cut_problem(listed.error);
    // The kernel looks up the socket before it checks the capability, so there must be one.
    const int own = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    auto* const address = reinterpret_cast<sockaddr*>(&at);
    std::string problem;
    if (own >= 0 && bind(own, address, size) == 0 && listen(own, 0) == 0 && getsockname(own, address, &size) == 0) {
        cut::TcpSocket listening;
        listening.family = cut::family_v4;
        inet_diag_sockid id{};
        id.idiag_sport = at.sin_port;
        id.idiag_src[0] = at.sin_addr.s_addr;
        id.idiag_cookie[0] = id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
        std::memcpy(listening.id.data(), &id, sizeof id);
        if (const auto ended = diag.ask(cut::destroy_request(listening, diag.next_number())); ended.error != 0)
            problem = cut_problem(ended.error);
    }
    if (own >= 0) close(own);
    return problem;
}

}  // namespace lictor::hooks
