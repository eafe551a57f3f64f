// Which TCP connections live, for how long, and when are their questions read (RFC 7766, RFC 9210)? Pipelining with replies in any order,
// bounds in number, time and bytes, and the longest idle connection goes when room is needed. One sweep a quarter of a second looks at
// all deadlines. Hooks are called from the loop, and `gone` never from inside `send`.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "resolver/listener.hpp"
#include "resolver/tcp_connection.hpp"

namespace lictor {

class TcpServer {
public:
    TcpServer(Loop& loop, WorkerCounters& counters, const TcpLimits& limits, const Listener::Hooks& hooks);
    ~TcpServer();

    /// Accepts from a listening descriptor that somebody else owns, until `close_door`.
    void open_door(std::uint32_t number, int fd, const Endpoint& endpoint);
    void close_door(std::uint32_t number);

    void send(const Client& client, Bytes reply);
    /// Writes what was gathered. Calls no hook.
    void flush();
    /// Before the loop sleeps: the same, and reads on where replies made room, and tells who is gone.
    void end_turn();
    void stop_reading();
    bool busy() const;

private:
    struct Door {
        std::uint32_t number = 0;
        int fd = -1;
        Endpoint endpoint;
        FdWatch watch;
    };
    enum class Because : std::uint8_t { done, idle, pressure, slow };

    void accept_from(Door& door);
    bool survive_accept_failure(Door& door, int code);
    bool admit(const Address& peer);
    void refuse(int fd);
    void welcome(int fd, const Client& client);
    TcpConnection* longest_idle(const Address* peer);

    void on_event(std::uint64_t number, int events);
    void serve(TcpConnection& connection);
    void write_out(TcpConnection& connection);
    TcpConnection* living(std::uint64_t number);
    bool may_read(const TcpConnection& connection) const;
    void settle(TcpConnection& connection);
    void touch(TcpConnection& connection);
    void end(TcpConnection& connection, Because because);
    void reap();
    void sweep();
    void judge(TcpConnection& connection, Now now, milliseconds idle);

    Loop& loop_;
    WorkerCounters& counters_;
    const TcpLimits limits_;
    const Listener::Hooks& hooks_;
    std::vector<std::unique_ptr<Door>> doors_;
    std::unordered_map<std::uint64_t, std::unique_ptr<TcpConnection>> connections_;
    std::uint64_t last_number_ = 0;
    std::size_t open_ = 0;
    std::vector<std::uint64_t> touched_, ended_;
    std::unique_ptr<std::uint8_t[]> scratch_, reply_;
    int reserve_ = -1;        ///< given up for a moment when descriptors run out, so that a client can be turned away
    bool stopped_ = false;
    bool accept_paused_ = false;
    Timer sweep_, nudge_;
};

}  // namespace lictor
