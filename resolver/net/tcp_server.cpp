// Decides when connections are accepted, read and closed.
#include "resolver/net/tcp_server.hpp"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "conf/metrics/metrics.hpp"
#include "resolver/net/socket_address.hpp"

namespace lictor::net {
namespace {

constexpr std::size_t scratch_bytes = 65'536;
constexpr milliseconds sweep_every{250};
constexpr int accepts_per_turn = 64;  // so that many new connections do not delay UDP
constexpr int rounds_per_turn = 8;    // so that a client that pipelines without end does not delay the others
constexpr std::size_t write_early = 65'536;

/// Accepted sockets inherit these.
void tune_listening(int fd) {
    const auto set = [fd](int level, int option, int value) { ::setsockopt(fd, level, option, &value, sizeof value); };
    set(IPPROTO_TCP, TCP_NODELAY, 1);
    set(SOL_SOCKET, SO_KEEPALIVE, 1);
    set(IPPROTO_TCP, TCP_KEEPIDLE, 30);
    set(IPPROTO_TCP, TCP_KEEPINTVL, 5);
    set(IPPROTO_TCP, TCP_KEEPCNT, 3);
    set(IPPROTO_TCP, TCP_USER_TIMEOUT, 20'000);
}

bool out_of_descriptors(int code) { return code == EMFILE || code == ENFILE; }

int open_reserve() { return ::open("/", O_PATH | O_CLOEXEC); }  // a file that every root has

}  // namespace

TcpServer::TcpServer(loop::Loop& loop, metrics::WorkerCounters& counters, const TcpLimits& limits, const Listener::Hooks& hooks)
    : loop_(loop),
      counters_(counters),
      limits_(limits),
      hooks_(hooks),
      scratch_(std::make_unique_for_overwrite<std::uint8_t[]>(scratch_bytes)),
      reply_(std::make_unique_for_overwrite<std::uint8_t[]>(wire::frame_message_max)),
      reserve_(open_reserve()),
      sweep_(loop, [this] { sweep(); }),
      nudge_(loop, [] {}) {}

TcpServer::~TcpServer() {
    if (reserve_ >= 0) ::close(reserve_);
    counters_.tcp_open.set(0);
}

void TcpServer::open(std::uint32_t id, int fd, const Endpoint& endpoint) {
    tune_listening(fd);
    auto socket = std::make_unique<ListenSocket>();
    *socket = {.id = id, .fd = fd, .endpoint = endpoint, .watch = {}};
    const auto watched = socket->watch.start(loop_, fd, UV_READABLE, [this, raw = socket.get()](int) { accept_from(*raw); });
    ensure(static_cast<bool>(watched), "a listening socket can be watched");
    if (stopped_) socket->watch.change(0);
    sockets_.push_back(std::move(socket));
}

void TcpServer::close(std::uint32_t id) {
    std::erase_if(sockets_, [id](const auto& socket) { return socket->id == id; });
}

// ---- accepting

void TcpServer::accept_from(ListenSocket& socket) {
    for (int i = 0; i < accepts_per_turn && !stopped_ && !accept_paused_; ++i) {
        SocketAddress peer;
        const int fd = ::accept4(socket.fd, &peer.any, &peer.length, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0) {
            if (errno == EAGAIN || errno == EWOULDBLOCK) break;
            // accept(2) needs a free descriptor before it looks for a connection: after the first call perhaps none is waiting.
            if (i > 0 && out_of_descriptors(errno)) break;
            if (!may_accept_after(socket, errno)) break;
            continue;
        }
        answer::Client client{.listen_socket = socket.id,
                              .connection = 0,
                              .peer = peer.endpoint(),
                              .local = socket.endpoint.address,
                              .local_interface = peer.scope()};
        if (!admit(client.peer.address)) refuse(fd);
        else add(fd, client);
    }
    remove_ended();
}

/// True: try the next connection now. False: accepting pauses until the next sweep.
bool TcpServer::may_accept_after(ListenSocket& socket, int code) {
    if (out_of_descriptors(code)) {
        // Close TCP connections first: UDP clients need no descriptors, and upstream sockets are needed for all.
        if (auto* idle = longest_idle(nullptr)) {
            end(*idle, Cause::pressure);
            return true;
        }
        if (reserve_ >= 0) {
            ::close(std::exchange(reserve_, -1));
            const int fd = ::accept4(socket.fd, nullptr, nullptr, SOCK_CLOEXEC);
            if (fd >= 0) refuse(fd);
            reserve_ = open_reserve();
            if (fd >= 0) return true;
        }
    } else if (code != ENOBUFS && code != ENOMEM) {
        return true;  // an error of this connection only (accept(2): "Linux passes pending network errors")
    }
    // The socket stays readable and the loop would spin: stop accepting until the next sweep.
    accept_paused_ = true;
    for (auto& each : sockets_) each->watch.change(0);
    if (!sweep_.active()) sweep_.repeat(sweep_every);
    return false;
}

bool TcpServer::admit(const Address& peer) {
    if (!peer.is_loopback()) {
        const auto theirs = std::count_if(connections_.begin(), connections_.end(), [&](const auto& entry) {
            return !entry.second->ended() && entry.second->client.peer.address == peer;
        });
        if (static_cast<std::size_t>(theirs) >= limits_.per_client) {
            auto* idle = longest_idle(&peer);
            if (!idle) return false;
            end(*idle, Cause::pressure);
        }
    }
    if (open_ >= limits_.connections) {
        auto* idle = longest_idle(nullptr);
        if (!idle) return false;
        end(*idle, Cause::pressure);
    }
    return true;
}

void TcpServer::refuse(int fd) {
    counters_.tcp_refused.add();
    ::close(fd);
}

void TcpServer::add(int fd, const answer::Client& from) {
    answer::Client client = from;
    client.connection = ++last_number_;
    if (client.local.is_unspecified()) {
        SocketAddress here;
        if (::getsockname(fd, &here.any, &here.length) == 0) client.local = here.endpoint().address;
    }
    auto connection = std::make_unique<TcpConnection>(fd, client, loop::Loop::now());
    const auto watched =
        connection->watch.start(loop_, fd, UV_READABLE, [this, number = client.connection](int events) { on_event(number, events); });
    if (!watched) {
        counters_.tcp_refused.add();
        return;
    }
    connections_.emplace(client.connection, std::move(connection));
    counters_.tcp_accepted.add();
    counters_.tcp_open.set(++open_);
    if (!sweep_.active()) sweep_.repeat(sweep_every);
}

/// The longest idle connection without unread, unanswered or unsent messages; null if there is none. `peer`: of this client only.
TcpConnection* TcpServer::longest_idle(const Address* peer) {
    TcpConnection* found = nullptr;
    for (auto& [number, connection] : connections_) {
        if (connection->ended() || connection->owed != 0 || connection->queued() != 0 || connection->reader.whole()) continue;
        if (peer && connection->client.peer.address != *peer) continue;
        if (!found || connection->active < found->active) found = connection.get();
    }
    return found;
}

// ---- queries and replies

bool TcpServer::may_read(const TcpConnection& connection) const {
    return !stopped_ && !connection.ended() && connection.owed < limits_.in_flight && connection.queued() <= limits_.queued_bytes / 2;
}

void TcpServer::on_event(std::uint64_t number, int events) {
    auto* found = open_connection(number);
    if (!found) return;
    TcpConnection& connection = *found;
    const Now now = loop::Loop::now();
    auto io = TcpConnection::Io::fine;
    // uv_poll reports an error as readiness that was not requested, and stops. Without an error `settle` starts it again.
    if ((events & UV_WRITABLE) && connection.queued() == 0) {
        if (connection.pending_error() != 0) io = TcpConnection::Io::failed;
        else connection.watch.change(0);
    }
    if (io == TcpConnection::Io::fine && (events & UV_WRITABLE)) io = connection.write(now);
    if (io == TcpConnection::Io::fine && (events & UV_READABLE) && !connection.finished && may_read(connection) &&
        !connection.reader.whole())
        io = connection.receive({scratch_.get(), scratch_bytes}, now);
    if (io == TcpConnection::Io::failed) {
        end(connection, Cause::done);
    } else {
        if (connection.reader.whole() || connection.reader.broken()) {
            hooks_.before_batch();
            serve(connection);
            hooks_.after_batch();
        }
        settle(connection);
    }
    remove_ended();
}

/// Handles the whole messages that have arrived, as far as the bounds allow.
void TcpServer::serve(TcpConnection& connection) {
    const Now now = loop::Loop::now();
    bool any = false;
    while (may_read(connection)) {
        wire::Bytes message;
        const auto next = connection.reader.next(message);
        if (next == wire::FrameReader::Next::broken) connection.finished = true;
        if (next != wire::FrameReader::Next::message) break;
        any = true;
        connection.active = now;
        const auto handled = hooks_.handle(message, connection.client, {reply_.get(), wire::frame_message_max});
        if (connection.ended()) return;
        if (handled.kind == answer::Answer::Kind::later) ++connection.owed;
        if (handled.answered() && !connection.queue({reply_.get(), handled.size}, now)) counters_.send_failed.add();
        if (connection.queued() > write_early) write_out(connection);
    }
    if (any) connection.message_since = now;
}

/// After each event of a connection: write, watch for the next event, or close it.
void TcpServer::settle(TcpConnection& connection) {
    write_out(connection);
    if (connection.ended()) return;
    if (connection.reader.broken()) connection.finished = true;
    const bool more = connection.reader.whole();
    if (connection.finished && connection.owed == 0 && connection.queued() == 0 && (!more || stopped_)) return end(connection, Cause::done);
    if (more && may_read(connection)) mark_changed(connection);
    const bool read = may_read(connection) && !connection.finished && !more;
    connection.watch.change((read ? UV_READABLE : 0) | (connection.queued() != 0 ? UV_WRITABLE : 0));
}

void TcpServer::write_out(TcpConnection& connection) {
    if (!connection.ended() && connection.write(loop::Loop::now()) == TcpConnection::Io::failed) end(connection, Cause::done);
}

TcpConnection* TcpServer::open_connection(std::uint64_t number) {
    const auto at = connections_.find(number);
    return at == connections_.end() || at->second->ended() ? nullptr : at->second.get();
}

void TcpServer::mark_changed(TcpConnection& connection) {
    if (connection.changed) return;
    connection.changed = true;
    changed_.push_back(connection.client.connection);
}

void TcpServer::send(const answer::Client& client, wire::Bytes reply) {
    auto* found = open_connection(client.connection);
    if (!found) return;
    TcpConnection& connection = *found;
    const Now now = loop::Loop::now();
    if (connection.owed > 0) --connection.owed;
    connection.active = now;
    const bool full = connection.queued() != 0 && connection.queued() + reply.size() > limits_.queued_bytes;
    if (full) write_out(connection);
    if (connection.ended()) return;
    if (connection.queued() != 0 && connection.queued() + reply.size() > limits_.queued_bytes) return end(connection, Cause::slow);
    if (!connection.queue(reply, now)) counters_.send_failed.add();
    mark_changed(connection);
}

void TcpServer::flush() {
    for (const auto number : changed_) {
        if (auto* connection = open_connection(number)) write_out(*connection);
    }
}

void TcpServer::end_turn() {
    for (int round = 0; round < rounds_per_turn && !changed_.empty(); ++round) {
        const auto batch = std::exchange(changed_, {});
        bool served = false;
        for (const auto number : batch) {
            auto* connection = open_connection(number);
            if (!connection) continue;
            connection->changed = false;
            if (connection->reader.whole() && may_read(*connection)) {
                if (!std::exchange(served, true)) hooks_.before_batch();
                serve(*connection);
            }
            settle(*connection);
        }
        if (served) hooks_.after_batch();
    }
    remove_ended();
    if (!changed_.empty()) nudge_.start(microseconds{0});
}

// ---- the end of connections

void TcpServer::end(TcpConnection& connection, Cause cause) {
    if (connection.ended()) return;
    switch (cause) {
        case Cause::done: break;
        case Cause::idle: counters_.tcp_closed_idle.add(); break;
        case Cause::pressure: counters_.tcp_closed_pressure.add(); break;
        case Cause::slow: counters_.tcp_closed_slow.add(); break;
    }
    connection.end();
    counters_.tcp_open.set(--open_);
    ended_.push_back(connection.client.connection);
}

/// Connections are destroyed only here, where no code uses them.
void TcpServer::remove_ended() {
    while (!ended_.empty()) {
        const auto number = ended_.back();
        ended_.pop_back();
        connections_.erase(number);
        hooks_.gone(number);
    }
}

void TcpServer::sweep() {
    if (std::exchange(accept_paused_, false)) {
        if (reserve_ < 0) reserve_ = open_reserve();
        for (auto& socket : sockets_) socket->watch.change(stopped_ ? 0 : UV_READABLE);
    }
    const Now now = loop::Loop::now();
    const auto idle = open_ * 4 >= limits_.connections * 3 ? limits_.idle_pressed : limits_.idle;
    for (auto& [number, connection] : connections_) check_deadlines(*connection, now, idle);
    remove_ended();
    if (connections_.empty()) sweep_.stop();
}

void TcpServer::check_deadlines(TcpConnection& connection, Now now, milliseconds idle) {
    if (connection.ended()) return;
    if (connection.queued() != 0) {
        if (now - connection.write_since > limits_.write_stall) end(connection, Cause::slow);
        return;
    }
    if (connection.owed != 0) {
        if (now - connection.active > limits_.owed) end(connection, Cause::idle);
    } else if (connection.reader.partial()) {
        if (now - connection.message_since > limits_.message) end(connection, Cause::slow);
        return;
    } else if (now - connection.active > idle) {
        end(connection, Cause::idle);
    }
    connection.trim();
}

void TcpServer::stop_reading() {
    stopped_ = true;
    for (auto& socket : sockets_) socket->watch.change(0);
    for (auto& [number, connection] : connections_) mark_changed(*connection);
}

bool TcpServer::busy() const {
    return std::any_of(connections_.begin(), connections_.end(), [](const auto& entry) { return entry.second->queued() != 0; });
}

}  // namespace lictor::net
