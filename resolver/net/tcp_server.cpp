// Decides when connections are accepted, read and closed.
#include "resolver/net/tcp_server.hpp"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <new>
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
constexpr std::size_t usual_read = 4096;     // a read that brings more is entered afterwards
constexpr unsigned messages_per_round = 64;  // of one connection, so that the others are served between them
constexpr unsigned messages_per_turn = 256;  // of all connections, so that UDP waits for a fraction of a millisecond
constexpr milliseconds slow_reader{1'000};   // a client that took no byte for this long may be closed if room is needed

/// Accepted sockets inherit these.
void tune_listening(int fd) {
    const auto set = [fd](int level, int option, int value) { ::setsockopt(fd, level, option, &value, sizeof value); };
    set(IPPROTO_TCP, TCP_NODELAY, 1);
    set(SOL_SOCKET, SO_KEEPALIVE, 1);
    set(IPPROTO_TCP, TCP_KEEPIDLE, 30);
    set(IPPROTO_TCP, TCP_KEEPINTVL, 5);
    set(IPPROTO_TCP, TCP_KEEPCNT, 3);
    set(IPPROTO_TCP, TCP_USER_TIMEOUT, 20'000);
    // Without these the kernel would hold megabytes for each client that does not read.
    set(SOL_SOCKET, SO_SNDBUF, tcp_buffer_bytes);
    set(SOL_SOCKET, SO_RCVBUF, tcp_buffer_bytes);
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
        if (!admit(client.peer)) refuse(fd);
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

/// Makes room in memory-max for `bytes` more of a connection (null: of a new one) by ending the connections that use most, among equal
/// ones the longest idle. False: only this one is left to be ended.
bool TcpServer::make_room(const TcpConnection* wants, std::size_t bytes) {
    budget::Account& memory = counters_.memory;
    while (!memory.fits(budget::Kind::tcp, bytes)) {
        TcpConnection* most = nullptr;
        for (auto& [number, connection] : connections_) {
            if (connection->ended() || connection.get() == wants) continue;
            const bool more = !most || connection->memory.bytes() > most->memory.bytes() ||
                              (connection->memory.bytes() == most->memory.bytes() && connection->active < most->active);
            if (more) most = connection.get();
        }
        memory.count_shed(budget::Kind::tcp);
        if (!most || (wants && most->memory.bytes() < wants->memory.bytes())) return false;
        end(*most, Cause::pressure);
    }
    return true;
}

/// Enters the memory of a connection. What it has grown by must fit, or the connection ends.
void TcpServer::weigh(TcpConnection& connection) {
    if (connection.ended()) return;
    const std::size_t now = connection.bytes(), before = connection.memory.bytes();
    if (now > before && !make_room(&connection, now - before)) return end(connection, Cause::pressure);
    connection.memory.set(now);
}

/// A client in a network has at most `per_client` connections, and never the last quarter of all. On loopback each connection is a client
/// of its own.
bool TcpServer::admit(const Endpoint& peer) {
    if (!peer.address.is_loopback()) {
        const auto client = clients::client_of(peer);
        const auto theirs = open_by_client_.find(client);
        const std::size_t most = std::clamp<std::size_t>(limits_.connections * 3 / 4, 1, limits_.per_client);
        if (theirs != open_by_client_.end() && theirs->second >= most) {
            auto* idle = longest_idle(&client);
            if (!idle) return false;
            end(*idle, Cause::pressure);
        }
    }
    if (open_ >= limits_.connections) {
        auto* idle = longest_idle(nullptr);
        if (!idle) return false;
        end(*idle, Cause::pressure);
    }
    return make_room(nullptr, sizeof(TcpConnection) + budget::tcp_socket_bytes);
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
    std::unique_ptr<TcpConnection> connection;
    try {
        ended_.reserve(connections_.size() + 1);  // so that the end of a connection needs no memory
        connection = std::make_unique<TcpConnection>(fd, client, loop::Loop::now());
    } catch (const std::bad_alloc&) {
        return refuse(fd);
    }
    const auto watched =
        connection->watch.start(loop_, fd, UV_READABLE, [this, number = client.connection](int events) { on_event(number, events); });
    if (!watched) {
        counters_.tcp_refused.add();
        return;
    }
    connection->memory = budget::Held(counters_.memory, budget::Kind::tcp);
    connection->memory.set(connection->bytes());  // `admit` made room for it
    connections_.emplace(client.connection, std::move(connection));
    counters_.tcp_accepted.add();
    counters_.tcp_open.set(++open_);
    if (!client.peer.address.is_loopback()) ++open_by_client_[clients::client_of(client.peer)];
    if (!sweep_.active()) sweep_.repeat(sweep_every);
}

/// The longest idle connection without unread, unanswered or unsent messages; if there is none, the one whose client has not read its
/// replies for longest, at least a second; else null. `client`: of this one only.
TcpConnection* TcpServer::longest_idle(const clients::ClientKey* client) {
    TcpConnection *idle = nullptr, *slow = nullptr;
    const Now stalled = loop::Loop::now() - slow_reader;
    for (auto& [number, connection] : connections_) {
        if (connection->ended() || (client && clients::client_of(connection->client.peer) != *client)) continue;
        if (connection->queued() != 0) {
            if (connection->write_since < stalled && (!slow || connection->write_since < slow->write_since)) slow = connection.get();
        } else if (connection->owed == 0 && !connection->reader.whole()) {
            if (!idle || connection->active < idle->active) idle = connection.get();
        }
    }
    return idle ? idle : slow;
}

// ---- queries and replies

bool TcpServer::may_read(const TcpConnection& connection) const {
    return !stopped_ && !connection.ended() && connection.owed < limits_.in_flight && connection.queued() <= limits_.queued_bytes / 2;
}

/// True if enough messages were handled: UDP is served before the others, which keep their order.
bool TcpServer::turn_is_over() const { return turn_messages_ >= messages_per_turn; }

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
        !connection.reader.whole()) {
        if (!make_room(&connection, usual_read)) end(connection, Cause::pressure);
        else if (turn_is_over()) connection.readable = true;
        else io = connection.receive({scratch_.get(), scratch_bytes}, now);
    }
    if (io == TcpConnection::Io::failed) {
        end(connection, Cause::done);
    } else if (!connection.ended()) {
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
    for (unsigned i = 0; i < messages_per_round && !turn_is_over() && may_read(connection); ++i) {
        wire::Bytes message;
        const auto next = connection.reader.next(message);
        if (next == wire::FrameReader::Next::broken) connection.finished = true;
        if (next != wire::FrameReader::Next::message) break;
        any = true;
        ++turn_messages_;
        const auto handled = hooks_.handle(message, connection.client, {reply_.get(), wire::frame_message_max});
        if (connection.ended()) return;
        if (handled.is_of_query()) connection.active = now;
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
    weigh(connection);
    if (connection.ended()) return;
    if (connection.reader.broken()) connection.finished = true;
    const bool more = connection.reader.whole();
    if (connection.finished && connection.owed == 0 && connection.queued() == 0 && (!more || stopped_)) return end(connection, Cause::done);
    if (connection.readable || (more && may_read(connection))) mark_changed(connection);
    const bool read = may_read(connection) && !connection.finished && !more && !connection.readable;
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
    changed_.push_back(connection.client.connection);
    connection.changed = true;
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
    if (connection.queued() != 0 && !make_room(&connection, reply.size())) return end(connection, Cause::pressure);
    if (!connection.queue(reply, now)) counters_.send_failed.add();
    weigh(connection);
    if (!connection.ended()) mark_changed(connection);
}

void TcpServer::flush() {
    for (const auto number : changed_) {
        if (auto* connection = open_connection(number)) write_out(*connection);
    }
}

void TcpServer::end_turn() {
    turn_messages_ = 0;
    for (int round = 0; round < rounds_per_turn && !changed_.empty() && !turn_is_over(); ++round) {
        const auto batch = std::exchange(changed_, {});
        bool served = false;
        auto at = batch.begin();
        for (; at != batch.end() && !turn_is_over(); ++at) {
            auto* connection = open_connection(*at);
            if (!connection) continue;
            connection->changed = false;
            const bool read = std::exchange(connection->readable, false) && may_read(*connection);
            if (read && connection->receive({scratch_.get(), scratch_bytes}, loop::Loop::now()) == TcpConnection::Io::failed) {
                end(*connection, Cause::done);
                continue;
            }
            if (connection->reader.whole() && may_read(*connection)) {
                if (!std::exchange(served, true)) hooks_.before_batch();
                serve(*connection);
            }
            settle(*connection);
        }
        if (served) hooks_.after_batch();
        changed_.insert(changed_.begin(), at, batch.end());  // before those that were served and have more
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
    connection.memory.set(0);
    counters_.tcp_open.set(--open_);
    if (const auto row = open_by_client_.find(clients::client_of(connection.client.peer));
        row != open_by_client_.end() && --row->second == 0)
        open_by_client_.erase(row);
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
    weigh(connection);
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
