// The doors of one worker and the turn of its loop: a UDP socket that is readable is emptied batch by batch, and what was gathered for
// later is sent before the loop sleeps.
#include "resolver/listener.hpp"

#include <algorithm>
#include <utility>

#include "resolver/tcp_server.hpp"
#include "resolver/udp_batch.hpp"

namespace lictor {
namespace {

constexpr int rounds_per_turn = 8;  // full batches of one socket before the others get their turn

}  // namespace

struct Listener::State {
    /// Numbers of doors are never used twice: a late reply for a closed one finds nothing.
    struct Door {
        BoundSocket socket;
        UdpSocket udp;
        FdWatch watch;
        UdpQueue queue;
        bool blocked = false;  ///< the kernel has no room; replies wait until the socket is writable
    };

    State(Loop& its_loop, WorkerCounters& its_counters, const TcpLimits& limits, Hooks its_hooks)
        : loop(its_loop), counters(its_counters), hooks(std::move(its_hooks)), tcp(its_loop, its_counters, limits, hooks) {
        turn.open([this](int) { end_turn(); }, [&](uv_prepare_t* prepare) { return uv_prepare_init(loop.raw(), prepare); });
        uv_prepare_start(turn.raw(), [](uv_prepare_t* prepare) { HandleOf<uv_prepare_t>::fire(prepare, 0); });
        uv_unref(reinterpret_cast<uv_handle_t*>(turn.raw()));
    }

    void open(BoundSocket socket) {
        const auto number = static_cast<std::uint32_t>(doors.size());
        auto door = std::make_unique<Door>(Door{.socket = std::move(socket), .udp = {}, .watch = {}, .queue = {}});
        const Endpoint endpoint = door->socket.endpoint();
        const int fd = door->socket.fd();
        if (door->socket.transport() == Transport::tcp) {
            tcp.open_door(number, fd, endpoint);
        } else {
            door->udp = {.fd = fd, .door = number, .address = endpoint.address, .wildcard = endpoint.address.is_unspecified()};
            const auto watched = door->watch.start(loop, fd, UV_READABLE, [this, raw = door.get()](int events) { on_udp(*raw, events); });
            ensure(static_cast<bool>(watched), "a bound socket can be watched");
            if (stopped) watch_what_is_needed(*door);
        }
        doors.push_back(std::move(door));
    }

    void close(std::size_t number) {
        Door& door = *doors[number];
        if (door.socket.transport() == Transport::tcp) {
            tcp.close_door(static_cast<std::uint32_t>(number));
        } else {
            door.queue.send(door.udp, counters);
            counters.send_failed.add(door.queue.size());
        }
        doors[number].reset();
    }

    void watch_what_is_needed(Door& door) { door.watch.change((stopped ? 0 : UV_READABLE) | (door.blocked ? UV_WRITABLE : 0)); }

    void on_udp(Door& door, int events) {
        if ((events & UV_WRITABLE) && !door.blocked) door.watch.change(0);  // an error was reported and the watch has stopped: start anew
        if ((events & UV_WRITABLE) && door.blocked) door.blocked = door.queue.send(door.udp, counters);
        for (int round = 0; round < rounds_per_turn && !stopped && (events & UV_READABLE); ++round) {
            if (read_batch(door) < udp_batch_max) break;
        }
        watch_what_is_needed(door);
    }

    unsigned read_batch(Door& door) {
        const unsigned count = batch.receive(door.udp);
        if (count == 0) return 0;
        hooks.before_batch();
        Client client;
        client.door = door.udp.door;
        for (unsigned i = 0; i < count; ++i) {
            batch.client(i, door.udp, client);
            if (!batch.has_room() && batch.send(door.udp, door.queue, door.blocked, counters)) door.blocked = true;
            const auto handled = hooks.handle(batch.message(i), client, batch.reply_buffer());
            if (handled.kind == Handled::Kind::answer && handled.size != 0) batch.answer(i, door.udp, handled.size);
        }
        hooks.after_batch();
        if (batch.send(door.udp, door.queue, door.blocked, counters)) door.blocked = true;
        return count;
    }

    void send(const Client& client, Bytes reply) {
        if (client.connection != 0) return tcp.send(client, reply);
        if (client.door >= doors.size() || !doors[client.door] || doors[client.door]->socket.transport() != Transport::udp) return;
        Door& door = *doors[client.door];
        if (!door.queue.put(client, reply)) {
            counters.send_failed.add();
            return;
        }
        if (!door.blocked && door.queue.size() >= udp_batch_max) send_queue(door);
    }

    void send_queue(Door& door) {
        door.blocked = door.queue.send(door.udp, counters);
        watch_what_is_needed(door);
    }

    void flush() {
        for (auto& door : doors) {
            if (door && !door->blocked && !door->queue.empty()) send_queue(*door);
        }
        tcp.flush();
    }

    void end_turn() {
        flush();
        tcp.end_turn();
    }

    Loop& loop;
    WorkerCounters& counters;
    Hooks hooks;
    std::vector<std::unique_ptr<Door>> doors;
    UdpBatch batch;
    TcpServer tcp;
    HandleOf<uv_prepare_t> turn;  ///< runs before the loop sleeps
    bool stopped = false;
};

Listener::Listener(Loop& loop, std::vector<BoundSocket> sockets, WorkerCounters& counters, const TcpLimits& limits, Hooks hooks)
    : state_(std::make_unique<State>(loop, counters, limits, std::move(hooks))) {
    for (auto& socket : sockets) state_->open(std::move(socket));
}

Listener::~Listener() {
    flush();
    // Doors hold the watches of their descriptors; these go first.
    for (std::size_t i = 0; i < state_->doors.size(); ++i) {
        if (state_->doors[i]) state_->close(i);
    }
}

void Listener::send(const Client& client, Bytes reply) { state_->send(client, reply); }
void Listener::flush() { state_->flush(); }

void Listener::stop_reading() {
    state_->stopped = true;
    for (auto& door : state_->doors) {
        if (door && door->socket.transport() == Transport::udp) state_->watch_what_is_needed(*door);
    }
    state_->tcp.stop_reading();
}

bool Listener::busy() const {
    const auto waits = [](const auto& door) { return door && !door->queue.empty(); };
    return std::any_of(state_->doors.begin(), state_->doors.end(), waits) || state_->tcp.busy();
}

std::vector<Endpoint> Listener::endpoints() const {
    std::vector<Endpoint> out;
    for (const auto& door : state_->doors) {
        if (door && std::find(out.begin(), out.end(), door->socket.endpoint()) == out.end()) out.push_back(door->socket.endpoint());
    }
    return out;
}

void Listener::adopt(std::vector<BoundSocket> added, const std::vector<Endpoint>& keep) {
    for (std::size_t i = 0; i < state_->doors.size(); ++i) {
        const auto& door = state_->doors[i];
        if (door && std::find(keep.begin(), keep.end(), door->socket.endpoint()) == keep.end()) state_->close(i);
    }
    for (auto& socket : added) state_->open(std::move(socket));
}

}  // namespace lictor
