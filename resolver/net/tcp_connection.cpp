// Makes the system calls of one TCP connection.
#include "resolver/net/tcp_connection.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace lictor::net {

TcpConnection::TcpConnection(int fd, answer::Client from, Now now) : client(from), active(now), fd_(fd) {}

TcpConnection::Io TcpConnection::receive(std::span<std::uint8_t> scratch, Now now) {
    ssize_t got = 0;
    do got = ::recv(fd_, scratch.data(), scratch.size(), 0);
    while (got < 0 && errno == EINTR);
    if (got < 0) return errno == EAGAIN || errno == EWOULDBLOCK ? Io::fine : Io::failed;
    if (got == 0) {
        finished = true;
        return Io::fine;
    }
    if (reader.unread() == 0) message_since = now;
    reader.put({scratch.data(), static_cast<std::size_t>(got)});
    return Io::fine;
}

TcpConnection::Io TcpConnection::write(Now now) {
    while (queued() != 0) {
        const ssize_t sent = ::send(fd_, out_.data() + out_at_, queued(), MSG_NOSIGNAL);
        if (sent < 0) {
            if (errno == EINTR) continue;
            return errno == EAGAIN || errno == EWOULDBLOCK ? Io::fine : Io::failed;
        }
        out_at_ += static_cast<std::size_t>(sent);
        write_since = now;
    }
    out_.clear();
    out_at_ = 0;
    return Io::fine;
}

bool TcpConnection::queue(wire::Bytes reply, Now now) {
    if (queued() == 0) write_since = now;
    if (out_at_ > 0 && out_at_ >= out_.size() / 2) {
        out_.erase(out_.begin(), out_.begin() + static_cast<std::ptrdiff_t>(out_at_));
        out_at_ = 0;
    }
    return wire::append_frame(out_, reply);
}

int TcpConnection::pending_error() const {
    int code = 0;
    socklen_t size = sizeof code;
    return ::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &code, &size) == 0 ? code : errno;
}

void TcpConnection::end() {
    if (fd_ < 0) return;
    watch.stop();  // before close(2): the poll set still holds the descriptor
    ::close(std::exchange(fd_, -1));
    out_ = {};
    out_at_ = 0;
}

std::size_t TcpConnection::bytes() const {
    constexpr std::size_t of_tables = 320;  // the handle of libuv and the server's table
    const std::size_t unread = reader.whole() ? tcp_buffer_bytes : 0;
    return sizeof *this + of_tables + budget::tcp_socket_bytes + reader.capacity() + out_.capacity() + (queued() ? tcp_buffer_bytes : 0) +
           unread;
}

void TcpConnection::trim() {
    reader.trim();
    if (out_.empty()) out_ = {};
}

}  // namespace lictor::net
