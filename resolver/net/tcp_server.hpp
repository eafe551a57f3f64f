// Which TCP connections are accepted, when are they closed, and when are their queries read (RFC 7766, RFC 9210)? Replies go out in any
// order. Connections, bytes and times are bounded; if room is needed, the longest idle connection is closed, and for want of memory the one
// that uses most. A message that cannot be read as a query is no sign of use: who sends only such ones is idle. In a turn of the loop a
// bounded number of messages is handled, so that pipelining clients do not delay UDP. Deadlines are checked every 250 ms. Hooks are called
// from the loop, `gone` never during `send`. Used on the thread of one loop only.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "resolver/clients/client_key.hpp"
#include "resolver/net/listener.hpp"
#include "resolver/net/tcp_connection.hpp"

namespace lictor::net {

/// The TCP side of a Listener.
class TcpServer {
public:
    /// `loop`, `counters` and `hooks` must outlive this object.
    TcpServer(loop::Loop& loop, metrics::WorkerCounters& counters, const TcpLimits& limits, const Listener::Hooks& hooks);
    ~TcpServer();

    /// Accepts from the listening descriptor `fd`, which the caller owns, until `close`. `id`: Client::listen_socket. Sets TCP_NODELAY,
    /// keep-alive and TCP_USER_TIMEOUT (20 s), which accepted sockets inherit (tcp(7)).
    void open(std::uint32_t id, int fd, const Endpoint& endpoint);
    /// Accepts no more; to be called before `fd` is closed. Connections stay. Ignored if there is none.
    void close(std::uint32_t id);

    /// Queues a later reply for the end of the turn; ignored if the connection has ended. If `queued_bytes` would be exceeded and the
    /// kernel takes too little, the connection is closed as slow.
    void send(const answer::Client& client, wire::Bytes reply);
    /// Writes the gathered replies. Calls no hook.
    void flush();
    /// Before the loop sleeps: as `flush`, then continues to read connections whose replies made room, and calls `gone`.
    void end_turn();
    /// Accepts and reads no more, for good; later replies are still sent.
    void stop_reading();
    /// True while a reply waits to be written.
    bool busy() const;

private:
    struct ListenSocket {
        std::uint32_t id = 0;
        int fd = -1;
        Endpoint endpoint;
        loop::FdWatch watch;
    };
    enum class Cause : std::uint8_t { done, idle, pressure, slow };

    void accept_from(ListenSocket& socket);
    bool may_accept_after(ListenSocket& socket, int code);
    bool admit(const Endpoint& peer);
    void refuse(int fd);
    void add(int fd, const answer::Client& client);
    TcpConnection* longest_idle(const clients::ClientKey* client);
    bool make_room(const TcpConnection* wants, std::size_t bytes);
    void weigh(TcpConnection& connection);

    void on_event(std::uint64_t number, int events);
    void serve(TcpConnection& connection);
    void write_out(TcpConnection& connection);
    TcpConnection* open_connection(std::uint64_t number);
    bool may_read(const TcpConnection& connection) const;
    bool turn_is_over() const;
    void settle(TcpConnection& connection);
    void mark_changed(TcpConnection& connection);
    void end(TcpConnection& connection, Cause cause);
    void remove_ended();
    void sweep();
    void check_deadlines(TcpConnection& connection, Now now, milliseconds idle);

    loop::Loop& loop_;
    metrics::WorkerCounters& counters_;
    const TcpLimits limits_;
    const Listener::Hooks& hooks_;
    std::vector<std::unique_ptr<ListenSocket>> sockets_;
    std::unordered_map<std::uint64_t, std::unique_ptr<TcpConnection>> connections_;
    std::uint64_t last_number_ = 0;
    std::size_t open_ = 0;
    std::unordered_map<clients::ClientKey, std::size_t> open_by_client_;  ///< of clients in networks; none has 0
    unsigned turn_messages_ = 0;                                          ///< handled in this turn of the loop
    std::vector<std::uint64_t> changed_, ended_;
    std::unique_ptr<std::uint8_t[]> scratch_, reply_;
    int reserve_ = -1;  ///< a spare descriptor: closed when none are left, so that a connection can be accepted and closed
    bool stopped_ = false;
    bool accept_paused_ = false;
    loop::Timer sweep_, nudge_;
};

}  // namespace lictor::net
