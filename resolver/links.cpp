// The system calls behind links.hpp. An attempt that fails is closed at once and told of from the loop's next turn; numbers of attempts
// are never used twice, so whatever is late finds nothing.
#include "resolver/links.hpp"

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

#include "resolver/core/frame.hpp"
#include "resolver/one_port.hpp"
#include "resolver/socket_address.hpp"

namespace lictor {
namespace {

constexpr std::size_t buffer_bytes = 65'535;
constexpr int port_tries = 8;
constexpr int reads_per_turn = 16;  // a flood of forged replies to one socket must not keep the others waiting
/// UDP ports that services of an application node bind for themselves; a moment's squatting would keep them from starting.
constexpr std::array<std::uint16_t, 7> ports_of_others = {4789, 5353, 8301, 8302, 8472, 8600, 51820};

class Attempt {
public:
    explicit Attempt(Ask ask) : ask_(std::move(ask)) {}
    ~Attempt() {
        watch.stop();  // before the descriptor: the poll set names it
        if (fd_ >= 0) ::close(fd_);
    }
    Attempt(const Attempt&) = delete;
    Attempt& operator=(const Attempt&) = delete;

    bool tcp() const { return ask_.transport == Transport::tcp; }
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

    FdWatch watch;
    FrameReader reader;  ///< TCP only

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
            source.port = static_cast<std::uint16_t>(ask_.port_min + random.below(static_cast<std::uint32_t>(ask_.port_max - ask_.port_min) + 1));
            if (std::find(ports_of_others.begin(), ports_of_others.end(), source.port) != ports_of_others.end()) continue;
            if (bind_to(source)) return true;
            if (errno != EADDRINUSE && errno != EACCES) return false;
        }
        if (ask_.port_min != Ask{}.port_min || ask_.port_max != Ask{}.port_max) return false;
        source.port = 0;  // the kernel's choice is random too, in a smaller range
        return bind_to(source);
    }

    bool prepare_tcp() {
        set(IPPROTO_TCP, TCP_NODELAY, 1);
        set(IPPROTO_TCP, TCP_USER_TIMEOUT, 20'000);
        std::vector<std::uint8_t> framed;
        framed.reserve(frame_length_bytes + ask_.bytes.size());
        if (!append_frame(framed, ask_.bytes)) return false;
        ask_.bytes = std::move(framed);
        // Only the address: a fixed port stays in TIME_WAIT after every connection.
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

    Ask ask_;
    int fd_ = -1;
    std::size_t sent_ = 0;
};

}  // namespace

struct Links::State {
    State(Loop& its_loop, Random& its_random, std::size_t its_attempts_max, OnMessage message, OnFailure failure)
        : loop(its_loop),
          random(its_random),
          attempts_max(its_attempts_max),
          on_message(std::move(message)),
          on_failure(std::move(failure)),
          buffer(std::make_unique_for_overwrite<std::uint8_t[]>(buffer_bytes)),
          one_port(its_loop, [this](AttemptId id, Bytes bytes) { on_message(id, bytes); }),
          tell(its_loop, [this] { tell_failures(); }) {}

    void ask(Ask ask) {
        const AttemptId id = ask.attempt;
        if (attempts.size() >= attempts_max) return fail(id);
        if (ask.one_port && ask.transport == Transport::udp) {
            if (one_port.ask(ask)) return;
            if (ask.source) ask.source->port = 0;  // the port is another's: any other of the same address
        }
        auto attempt = std::make_unique<Attempt>(std::move(ask));
        if (!attempt->open(random)) return fail(id);
        const int events = attempt->tcp() ? UV_WRITABLE : UV_READABLE;
        const auto watched = attempt->watch.start(loop, attempt->fd(), events, [this, id](int ready) { on_event(id, ready); });
        if (!watched) return fail(id);
        attempts.insert_or_assign(id, std::move(attempt));
    }

    void close(AttemptId id) {
        attempts.erase(id);
        one_port.close(id);
        std::erase(failed, id);
        std::erase(telling, id);
    }

    void fail(AttemptId id) {
        attempts.erase(id);
        failed.push_back(id);
        if (!tell.active()) tell.start(microseconds{0});
    }

    /// What is told may ask again and fail again; that is told by the next call.
    void tell_failures() {
        telling.swap(failed);
        while (!telling.empty()) {
            const auto id = telling.front();
            telling.pop_front();
            on_failure(id);
        }
    }

    void on_event(AttemptId id, int events) {
        const auto at = attempts.find(id);
        if (at == attempts.end()) return;
        if (at->second->tcp()) on_tcp(id, *at->second, events);
        else on_udp(id, *at->second, events);
    }

    void on_udp(AttemptId id, const Attempt& attempt, int events) {
        const int fd = attempt.fd();
        // Readiness to write was not asked for: with it the poll reports an error, ICMP's "port unreachable" for one.
        bool failure = (events & UV_WRITABLE) != 0;
        for (int i = 0; i < reads_per_turn; ++i) {
            const ssize_t got = ::recv(fd, buffer.get(), buffer_bytes, 0);
            if (got < 0) {
                if (errno == EAGAIN || errno == EWOULDBLOCK) break;
                failure = failure || errno != EINTR;
                continue;  // the error is taken from the socket; a reply that came before it may stand behind
            }
            on_message(id, {buffer.get(), static_cast<std::size_t>(got)});
            if (attempts.find(id) == attempts.end()) return;  // closed by what it was told
        }
        if (failure) fail(id);
    }

    void on_tcp(AttemptId id, Attempt& attempt, int events) {
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
        attempt.reader.put({buffer.get(), static_cast<std::size_t>(got)});
        Bytes message;
        while (true) {
            const auto next = attempt.reader.next(message);
            if (next == FrameReader::Next::broken) return fail(id);
            if (next == FrameReader::Next::more) break;
            // A copy: the reader goes with the attempt, which may be closed by what it is told.
            std::copy(message.begin(), message.end(), buffer.get());
            on_message(id, {buffer.get(), message.size()});
            if (attempts.find(id) == attempts.end()) return;
        }
        if (events & UV_WRITABLE) fail(id);
    }

    Loop& loop;
    Random& random;
    const std::size_t attempts_max;
    OnMessage on_message;
    OnFailure on_failure;
    std::unordered_map<AttemptId, std::unique_ptr<Attempt>> attempts;
    std::deque<AttemptId> failed, telling;
    std::unique_ptr<std::uint8_t[]> buffer;
    OnePort one_port;
    Timer tell;
};

Links::Links(Loop& loop, Random& random, std::size_t attempts_max, OnMessage on_message, OnFailure on_failure)
    : state_(std::make_unique<State>(loop, random, attempts_max, std::move(on_message), std::move(on_failure))) {}
Links::~Links() = default;

void Links::ask(Ask ask) { state_->ask(std::move(ask)); }
void Links::close(AttemptId attempt) { state_->close(attempt); }
std::size_t Links::open() const { return state_->attempts.size() + state_->one_port.open(); }

}  // namespace lictor
