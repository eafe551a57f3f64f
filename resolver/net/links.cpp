// An attempt that fails is closed at once and reported on the loop's next turn. Attempt ids are never reused, so a late event is dropped.
#include "resolver/net/links.hpp"

#include <net/if.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <deque>
#include <unordered_map>
#include <utility>
#include <vector>

#include "resolver/net/one_port.hpp"
#include "resolver/net/socket_address.hpp"
#include "resolver/wire/frame.hpp"

namespace lictor::net {
namespace {

constexpr std::size_t buffer_bytes = 65'535;
constexpr std::size_t message_bytes = wire::frame_length_bytes + buffer_bytes;  ///< the longest, with its length
constexpr int port_tries = 8;
constexpr int reads_per_turn = 16;  // a flood of forged replies to one socket must not delay the other sockets
/// UDP ports of other services on an application node. A service cannot bind its port while an attempt uses it as source port.
constexpr std::array<std::uint16_t, 7> avoided_ports = {4789, 5353, 8301, 8302, 8472, 8600, 51820};

class Attempt {
public:
    explicit Attempt(answer::Ask ask) : ask_(std::move(ask)) {}
    ~Attempt() {
        watch.stop();  // before close(2): the poll set still holds the descriptor
        if (fd_ >= 0) ::close(fd_);
    }
    Attempt(const Attempt&) = delete;
    Attempt& operator=(const Attempt&) = delete;

    bool tcp() const { return ask_.transport == answer::Transport::tcp; }
    int fd() const { return fd_; }
    bool sent() const { return sent_ == ask_.bytes.size(); }

    bool open(Random& random) {
        const bool v6 = ask_.upstream.address.v6;
        fd_ = ::socket(v6 ? AF_INET6 : AF_INET, (tcp() ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd_ < 0) return false;
        if (!ask_.interface.empty() &&
            ::setsockopt(fd_, SOL_SOCKET, SO_BINDTODEVICE, ask_.interface.c_str(), static_cast<socklen_t>(ask_.interface.size() + 1)) != 0)
            return false;
        return (tcp() ? prepare_tcp() : prepare_udp(random)) && connect() && (tcp() || send_datagram());
    }

    /// TCP: finishes the connection and writes. False: it failed.
    bool write() {
        int code = 0;
        socklen_t size = sizeof code;
        if (::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &code, &size) != 0 || code != 0) return false;
        while (!sent()) {
            const ssize_t done = ::send(fd_, ask_.bytes.data() + sent_, ask_.bytes.size() - sent_, MSG_NOSIGNAL);
            if (done < 0 && errno == EINTR) continue;
            if (done < 0) return errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOTCONN || errno == EINPROGRESS;
            sent_ += static_cast<std::size_t>(done);
        }
        return true;
    }

    loop::FdWatch watch;
    wire::FrameReader reader;  ///< TCP only
    budget::Held memory;       ///< of `reader`

private:
    void set(int level, int option, int value) { ::setsockopt(fd_, level, option, &value, sizeof value); }

    std::uint32_t scope() const {
        return ask_.upstream.address.is_link_local() && !ask_.interface.empty() ? ::if_nametoindex(ask_.interface.c_str()) : 0;
    }

    bool bind_to(const Endpoint& source) {
        const SocketAddress address(source, scope());
        return ::bind(fd_, &address.any, address.length) == 0;
    }

    bool prepare_udp(Random& random) {
        if (ask_.upstream.address.v6) set(IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_OMIT);
        else set(IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_OMIT);
        Endpoint source = ask_.source.value_or(Endpoint{});
        source.port = 0;
        source.address.v6 = ask_.source ? source.address.v6 : ask_.upstream.address.v6;
        for (int i = 0; i < port_tries; ++i) {
            source.port =
                static_cast<std::uint16_t>(ask_.port_min + random.below(static_cast<std::uint32_t>(ask_.port_max - ask_.port_min) + 1));
            if (std::find(avoided_ports.begin(), avoided_ports.end(), source.port) != avoided_ports.end()) continue;
            if (bind_to(source)) return true;
            if (errno != EADDRINUSE && errno != EACCES) return false;
        }
        if (ask_.port_min != answer::Ask{}.port_min || ask_.port_max != answer::Ask{}.port_max) return false;
        source.port = 0;  // the kernel also chooses a random port, from a smaller range
        return bind_to(source);
    }

    bool prepare_tcp() {
        set(IPPROTO_TCP, TCP_NODELAY, 1);
        set(IPPROTO_TCP, TCP_USER_TIMEOUT, 20'000);
        std::vector<std::uint8_t> framed;
        framed.reserve(wire::frame_length_bytes + ask_.bytes.size());
        if (!wire::append_frame(framed, ask_.bytes)) return false;
        ask_.bytes = std::move(framed);
        // The source port is not fixed: it would be in TIME_WAIT after each connection, and the next bind would fail.
        return !ask_.source || bind_to({.address = ask_.source->address, .port = 0});
    }

    bool connect() {
        const SocketAddress to(ask_.upstream, scope());
        int code = 0;
        do code = ::connect(fd_, &to.any, to.length);
        while (code != 0 && errno == EINTR);
        return code == 0 || (tcp() && errno == EINPROGRESS);
    }

    bool send_datagram() {
        ssize_t sent = 0;
        do sent = ::send(fd_, ask_.bytes.data(), ask_.bytes.size(), MSG_NOSIGNAL);
        while (sent < 0 && errno == EINTR);
        ask_.bytes = {};
        return sent >= 0;
    }

    answer::Ask ask_;
    int fd_ = -1;
    std::size_t sent_ = 0;
};

}  // namespace

struct Links::State {
    State(loop::Loop& its_loop, Random& its_random, std::size_t its_attempts_max, OnMessage message, OnFailure failure)
        : loop(its_loop),
          random(its_random),
          attempts_max(its_attempts_max),
          on_message(std::move(message)),
          on_failure(std::move(failure)),
          buffer(std::make_unique_for_overwrite<std::uint8_t[]>(buffer_bytes)),
          one_port(its_loop, [this](answer::AttemptId id, wire::Bytes bytes) { on_message(id, bytes); }),
          report(its_loop, [this] { report_failures(); }) {}

    void ask(answer::Ask ask) {
        const answer::AttemptId id = ask.attempt;
        if (attempts.size() >= attempts_max) return fail(id);
        if (ask.one_port && ask.transport == answer::Transport::udp) {
            if (one_port.ask(ask)) return;
            if (ask.source) ask.source->port = 0;  // the port is in use: take any port of the same address
        }
        auto attempt = std::make_unique<Attempt>(std::move(ask));
        if (account) attempt->memory = budget::Held(*account, budget::Kind::forward);
        if (!attempt->open(random)) return fail(id);
        const int events = attempt->tcp() ? UV_WRITABLE : UV_READABLE;
        const auto watched = attempt->watch.start(loop, attempt->fd(), events, [this, id](int ready) { on_event(id, ready); });
        if (!watched) return fail(id);
        attempts.insert_or_assign(id, std::move(attempt));
    }

    void close(answer::AttemptId id) {
        attempts.erase(id);
        one_port.close(id);
        std::erase(failed, id);
        std::erase(reporting, id);
    }

    void fail(answer::AttemptId id) {
        attempts.erase(id);
        failed.push_back(id);
        if (!report.active()) report.start(microseconds{0});
    }

    /// `on_failure` may start an attempt that fails as well. The next call reports that failure.
    void report_failures() {
        reporting.swap(failed);
        while (!reporting.empty()) {
            const auto id = reporting.front();
            reporting.pop_front();
            on_failure(id);
        }
    }

    void on_event(answer::AttemptId id, int events) {
        const auto at = attempts.find(id);
        if (at == attempts.end()) return;
        if (at->second->tcp()) on_tcp(id, *at->second, events);
        else on_udp(id, *at->second, events);
    }

    void on_udp(answer::AttemptId id, const Attempt& attempt, int events) {
        const int fd = attempt.fd();
        // UV_WRITABLE was not requested. It means that poll failed on this socket, for example after ICMP port unreachable.
        bool failure = (events & UV_WRITABLE) != 0;
        for (int i = 0; i < reads_per_turn; ++i) {
            const ssize_t got = ::recv(fd, buffer.get(), buffer_bytes, 0);
            if (got < 0) {
                if (errno == EAGAIN || errno == EWOULDBLOCK) break;
                failure = failure || errno != EINTR;
                continue;  // recv(2) has cleared the error; a reply may still be queued behind it
            }
            on_message(id, {buffer.get(), static_cast<std::size_t>(got)});
            if (attempts.find(id) == attempts.end()) return;  // on_message closed it
        }
        if (failure) fail(id);
    }

    void on_tcp(answer::AttemptId id, Attempt& attempt, int events) {
        if (!attempt.sent()) {
            if (!attempt.write()) return fail(id);
            if (attempt.sent()) attempt.watch.change(UV_READABLE);
            return;
        }
        ssize_t got = 0;
        do got = ::recv(attempt.fd(), buffer.get(), buffer_bytes, 0);
        while (got < 0 && errno == EINTR);
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) && !(events & UV_WRITABLE)) return;
        if (got <= 0) return fail(id);
        // One message is always read: it is the reply, and a healthy upstream must not count as unreachable for want of memory.
        const std::size_t held = attempt.reader.unread() + static_cast<std::size_t>(got);
        if (held <= message_bytes) attempt.memory.set(held);
        else if (!attempt.memory.grow_to(held)) return fail(id);
        attempt.reader.put({buffer.get(), static_cast<std::size_t>(got)});
        wire::Bytes message;
        while (true) {
            const auto next = attempt.reader.next(message);
            if (next == wire::FrameReader::Next::broken) return fail(id);
            if (next == wire::FrameReader::Next::more) break;
            // A copy: on_message may close the attempt, and the reader with it.
            std::copy(message.begin(), message.end(), buffer.get());
            on_message(id, {buffer.get(), message.size()});
            if (attempts.find(id) == attempts.end()) return;
        }
        if (events & UV_WRITABLE) fail(id);
    }

    loop::Loop& loop;
    Random& random;
    const std::size_t attempts_max;
    budget::Account* account = nullptr;
    OnMessage on_message;
    OnFailure on_failure;
    std::unordered_map<answer::AttemptId, std::unique_ptr<Attempt>> attempts;
    std::deque<answer::AttemptId> failed, reporting;
    std::unique_ptr<std::uint8_t[]> buffer;
    OnePort one_port;
    loop::Timer report;
};

Links::Links(loop::Loop& loop, Random& random, std::size_t attempts_max, OnMessage on_message, OnFailure on_failure)
    : state_(std::make_unique<State>(loop, random, attempts_max, std::move(on_message), std::move(on_failure))) {}
Links::~Links() = default;

void Links::use(budget::Account& account) { state_->account = &account; }
void Links::ask(answer::Ask ask) { state_->ask(std::move(ask)); }
void Links::close(answer::AttemptId attempt) { state_->close(attempt); }

}  // namespace lictor::net
