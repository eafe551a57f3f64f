// Drives the listen sockets of one worker. In a turn of the loop a readable UDP socket is read batch by batch, and the gathered replies are
// sent before the loop sleeps.
#include "resolver/net/listener.hpp"

#include <algorithm>
#include <utility>

#include "conf/metrics/metrics.hpp"
#include "resolver/net/tcp_server.hpp"
#include "resolver/net/udp_batch.hpp"

namespace lictor::net {
namespace {

constexpr int rounds_per_turn = 8;  // full batches of one socket before the other sockets are served

}  // namespace

struct Listener::State {
    /// Listen-socket ids (indexes into `sockets`) are never reused, so a late reply for a closed socket is dropped.
    struct ListenSocket {
        BoundSocket bound;
        UdpSocket udp;
        loop::FdWatch watch;
        UdpQueue queue;
        bool blocked = false;      ///< the send buffer is full; replies are queued until the socket is writable
        budget::Held memory = {};  ///< of `queue`
    };

    State(loop::Loop& its_loop, metrics::WorkerCounters& its_counters, const TcpLimits& limits, Hooks its_hooks)
        : loop(its_loop), counters(its_counters), hooks(std::move(its_hooks)), tcp(its_loop, its_counters, limits, hooks) {
        turn.open([this](int) { end_turn(); }, [&](uv_prepare_t* prepare) { return uv_prepare_init(loop.raw(), prepare); });
        uv_prepare_start(turn.raw(), [](uv_prepare_t* prepare) { loop::HandleOf<uv_prepare_t>::fire(prepare, 0); });
        uv_unref(reinterpret_cast<uv_handle_t*>(turn.raw()));
    }

    void open(BoundSocket bound) {
        const auto id = static_cast<std::uint32_t>(sockets.size());
        auto socket = std::make_unique<ListenSocket>(ListenSocket{.bound = std::move(bound), .udp = {}, .watch = {}, .queue = {}});
        const Endpoint endpoint = socket->bound.endpoint();
        const int fd = socket->bound.fd();
        if (socket->bound.transport() == answer::Transport::tcp) {
            tcp.open(id, fd, endpoint);
        } else {
            socket->udp = {.fd = fd, .listen_socket = id, .address = endpoint.address, .wildcard = endpoint.address.is_unspecified()};
            const auto watched =
                socket->watch.start(loop, fd, UV_READABLE, [this, raw = socket.get()](int events) { on_udp(*raw, events); });
            ensure(static_cast<bool>(watched), "a bound socket can be watched");
            socket->memory = budget::Held(counters.memory, budget::Kind::replies);
            if (stopped) update_watch(*socket);
        }
        sockets.push_back(std::move(socket));
    }

    void close(std::size_t id) {
        ListenSocket& socket = *sockets[id];
        if (socket.bound.transport() == answer::Transport::tcp) {
            tcp.close(static_cast<std::uint32_t>(id));
        } else {
            socket.queue.send(socket.udp, counters);
            counters.send_failed.add(socket.queue.size());
        }
        sockets[id].reset();
    }

    void update_watch(ListenSocket& socket) { socket.watch.change((stopped ? 0 : UV_READABLE) | (socket.blocked ? UV_WRITABLE : 0)); }

    void on_udp(ListenSocket& socket, int events) {
        if ((events & UV_WRITABLE) && !socket.blocked) socket.watch.change(0);  // uv_poll reported an error and has stopped: start it again
        if ((events & UV_WRITABLE) && socket.blocked) socket.blocked = socket.queue.send(socket.udp, counters);
        for (int round = 0; round < rounds_per_turn && !stopped && (events & UV_READABLE); ++round) {
            if (read_batch(socket) < udp_batch_max) break;
        }
        socket.memory.set(socket.queue.bytes());
        update_watch(socket);
    }

    unsigned read_batch(ListenSocket& socket) {
        const unsigned count = batch.receive(socket.udp);
        if (count == 0) return 0;
        hooks.before_batch();
        answer::Client client;
        client.listen_socket = socket.udp.listen_socket;
        for (unsigned i = 0; i < count; ++i) {
            batch.client(i, socket.udp, client);
            if (!batch.has_room() && batch.send(socket.udp, socket.queue, socket.blocked, counters)) socket.blocked = true;
            const auto handled = hooks.handle(batch.message(i), client, batch.reply_buffer());
            if (handled.answered() && handled.size != 0) batch.answer(i, socket.udp, handled.size);
        }
        // First the answers that are there: what follows may open a socket for each of the other queries.
        if (batch.send(socket.udp, socket.queue, socket.blocked, counters)) socket.blocked = true;
        hooks.after_batch();
        return count;
    }

    /// True if a reply may be queued. Empty queues keep some memory; it is given back before a reply is dropped for want of memory.
    bool has_room(const ListenSocket& of, std::size_t size) {
        if (of.queue.has_memory_for(size) || counters.memory.fits(budget::Kind::replies, size)) return true;
        for (auto& socket : sockets) {
            if (!socket || !socket->queue.empty()) continue;
            socket->queue.release();
            socket->memory.set(0);
        }
        return counters.memory.fits(budget::Kind::replies, size);
    }

    void send(const answer::Client& client, wire::Bytes reply) {
        if (client.connection != 0) return tcp.send(client, reply);
        if (client.listen_socket >= sockets.size() || !sockets[client.listen_socket] ||
            sockets[client.listen_socket]->bound.transport() != answer::Transport::udp)
            return;
        ListenSocket& socket = *sockets[client.listen_socket];
        const bool fits = has_room(socket, reply.size());
        if (!fits) counters.memory.count_shed(budget::Kind::replies);
        if (!fits || !socket.queue.put(client, reply)) {
            counters.send_failed.add();
            return;
        }
        socket.memory.set(socket.queue.bytes());
        if (!socket.blocked && socket.queue.size() >= udp_batch_max) send_queue(socket);
    }

    void send_queue(ListenSocket& socket) {
        socket.blocked = socket.queue.send(socket.udp, counters);
        socket.memory.set(socket.queue.bytes());
        update_watch(socket);
    }

    void flush() {
        for (auto& socket : sockets) {
            if (socket && !socket->blocked && !socket->queue.empty()) send_queue(*socket);
        }
        tcp.flush();
    }

    void end_turn() {
        flush();
        tcp.end_turn();
    }

    loop::Loop& loop;
    metrics::WorkerCounters& counters;
    Hooks hooks;
    std::vector<std::unique_ptr<ListenSocket>> sockets;
    UdpBatch batch;
    TcpServer tcp;
    loop::HandleOf<uv_prepare_t> turn;  ///< runs before the loop sleeps
    bool stopped = false;
};

Listener::Listener(loop::Loop& loop, std::vector<BoundSocket> sockets, metrics::WorkerCounters& counters, const TcpLimits& limits,
                   Hooks hooks)
    : state_(std::make_unique<State>(loop, counters, limits, std::move(hooks))) {
    for (auto& socket : sockets) state_->open(std::move(socket));
}

Listener::~Listener() {
    flush();
    // Each socket holds the watch of its descriptor; the watch is stopped before the descriptor is closed.
    for (std::size_t i = 0; i < state_->sockets.size(); ++i) {
        if (state_->sockets[i]) state_->close(i);
    }
}

void Listener::send(const answer::Client& client, wire::Bytes reply) { state_->send(client, reply); }
void Listener::flush() { state_->flush(); }

void Listener::stop_reading() {
    state_->stopped = true;
    for (auto& socket : state_->sockets) {
        if (socket && socket->bound.transport() == answer::Transport::udp) state_->update_watch(*socket);
    }
    state_->tcp.stop_reading();
}

bool Listener::busy() const {
    const auto waits = [](const auto& socket) { return socket && !socket->queue.empty(); };
    return std::any_of(state_->sockets.begin(), state_->sockets.end(), waits) || state_->tcp.busy();
}

void Listener::adopt(std::vector<BoundSocket> added, const std::vector<Endpoint>& keep) {
    for (std::size_t i = 0; i < state_->sockets.size(); ++i) {
        const auto& socket = state_->sockets[i];
        if (socket && std::find(keep.begin(), keep.end(), socket->bound.endpoint()) == keep.end()) state_->close(i);
    }
    for (auto& socket : added) state_->open(std::move(socket));
}

}  // namespace lictor::net
