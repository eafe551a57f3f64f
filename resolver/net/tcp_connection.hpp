// One client's TCP connection: its descriptor, unread and unsent bytes, and the times from which deadlines count. tcp_server decides about
// it. Used on the thread of one loop only.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "conf/budget/budget.hpp"
#include "resolver/answer/actions.hpp"
#include "resolver/wire/frame.hpp"
#include "watch/loop/loop.hpp"

namespace lictor::net {

/// What the kernel holds at most of a client's bytes in each direction (SO_SNDBUF, SO_RCVBUF; Linux doubles the number).
inline constexpr int tcp_buffer_bytes = 65'536;

/// Bounds and deadlines are not applied here. No call blocks.
class TcpConnection {
public:
    /// Takes over `fd`, which must be non-blocking; the destructor closes it. `now`: the start of the idle time.
    TcpConnection(int fd, answer::Client client, Now now);
    ~TcpConnection() { end(); }
    TcpConnection(const TcpConnection&) = delete;
    TcpConnection& operator=(const TcpConnection&) = delete;

    /// failed: the connection is broken. fine: also if the kernel has no bytes or no room now (EAGAIN).
    enum class Io : std::uint8_t { fine, failed };
    /// One recv(2) through `scratch`. If the client has shut down its side, `finished` is set; that is no failure.
    Io receive(std::span<std::uint8_t> scratch, Now now);
    /// Writes as much as the kernel takes; `queued` is what is left.
    Io write(Now now);
    /// Queues a copy of the reply with its length in front; writes nothing. False if it is empty or longer than 65535 bytes.
    bool queue(wire::Bytes reply, Now now);
    /// SO_ERROR of the socket; 0 = none.
    int pending_error() const;
    /// Closes the descriptor and drops unsent bytes. Bytes read stay: a message in them may be in use.
    void end();
    /// Frees empty buffers.
    void trim();
    /// Memory in bytes: this object, its buffers, its socket, and what the kernel holds for a client that does not read.
    std::size_t bytes() const;

    /// Number of bytes not written yet, with the lengths of the messages.
    std::size_t queued() const { return out_.size() - out_at_; }
    bool ended() const { return fd_ < 0; }

    const answer::Client client;
    loop::FdWatch watch;       ///< started by the server, stopped by `end`
    wire::FrameReader reader;  ///< bytes read and not handled
    std::size_t owed = 0;      ///< queries without a reply so far
    bool finished = false;     ///< nothing more is read: the client has shut down, or its stream is broken
    bool changed = false;      ///< is in the server's list for the end of the turn
    bool readable = false;     ///< its bytes are read when its place in that list is reached
    budget::Held memory;       ///< `bytes` as they are entered in the worker's account
    Now active{};              ///< last message that could be read as a query, or reply to one that came later
    Now message_since{};       ///< first byte of the message that is not complete
    Now write_since{};         ///< last time that the client took bytes, or that a reply was queued

private:
    int fd_;
    std::vector<std::uint8_t> out_;
    std::size_t out_at_ = 0;
};

}  // namespace lictor::net
