// One client's TCP connection: bytes in, bytes out, and since when it owes us something or we owe it. Decides nothing; tcp_server.hpp
// holds the rules. Belongs to one loop's thread.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "resolver/core/actions.hpp"
#include "resolver/core/frame.hpp"
#include "watch/loop/loop.hpp"

namespace lictor {

class TcpConnection {
public:
    TcpConnection(int fd, Client client, Now now);
    ~TcpConnection() { end(); }
    TcpConnection(const TcpConnection&) = delete;
    TcpConnection& operator=(const TcpConnection&) = delete;

    enum class Io : std::uint8_t { fine, failed };
    /// Reads once, through `scratch`. The client's end of sending is noted, and is no failure.
    Io receive(std::span<std::uint8_t> scratch, Now now);
    /// Writes what the kernel takes.
    Io write(Now now);
    /// Adds a reply to what is to be written. False if it is too long for any frame.
    bool queue(Bytes reply, Now now);
    /// What the kernel knows of a failure; 0 = nothing.
    int pending_error() const;
    /// Closes the descriptor and drops what is not written. What was read stays: a question may be in hand.
    void end();
    /// Gives back memory that holds nothing.
    void trim();

    std::size_t queued() const { return out_.size() - out_at_; }
    bool ended() const { return fd_ < 0; }
    int fd() const { return fd_; }

    const Client client;
    FdWatch watch;
    FrameReader reader;
    std::size_t owed = 0;     ///< questions whose replies come later
    bool finished = false;    ///< nothing more is read: the client said so, or what it sends cannot be understood
    bool touched = false;     ///< listed for the end of the turn
    Now active{};             ///< last whole question or reply
    Now message_since{};      ///< first byte of the message that is not whole yet
    Now write_since{};        ///< since when the client takes nothing

private:
    int fd_;
    std::vector<std::uint8_t> out_;
    std::size_t out_at_ = 0;
};

}  // namespace lictor
