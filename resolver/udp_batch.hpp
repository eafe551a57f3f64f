// UDP in batches: how do many datagrams cost few system calls? `UdpBatch` holds the buffers that one recvmmsg fills and the replies that
// one sendmmsg sends; one is shared by all sockets of a worker. `UdpQueue` holds replies that were not made inside a batch, and those
// that the kernel did not take at once, up to a bound. What a socket does not take for a reason of one datagram's own costs that
// datagram only. Answers leave from the address that was asked (IP_PKTINFO, RFC 3542 §6) on sockets bound to a wildcard.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "conf/metrics.hpp"
#include "resolver/core/actions.hpp"
#include "resolver/socket_address.hpp"

namespace lictor {

inline constexpr unsigned udp_batch_max = 64;
/// A longer datagram is handed on cut to this; no question needs as much, and the reader of messages calls the rest missing.
inline constexpr std::size_t udp_question_max = 2048;

/// What the two classes need to know of a socket.
struct UdpSocket {
    int fd = -1;
    std::uint32_t door = 0;
    Address address;        ///< bound to
    bool wildcard = false;  ///< then each datagram tells which address it came to
};

/// Replies of one socket that wait: for the end of the turn, or for room in the kernel.
class UdpQueue {
public:
    static constexpr std::size_t count_max = 1024;
    static constexpr std::size_t bytes_max = 1 << 20;

    /// False if the queue is full; the reply is then lost.
    bool put(const Client& client, Bytes reply);
    /// Sends as much as the kernel takes. True if something is left, which means that the socket must become writable first.
    bool send(const UdpSocket& socket, WorkerCounters& counters);
    bool empty() const { return items_.size() == next_; }
    std::size_t size() const { return items_.size() - next_; }

private:
    struct Item {
        SocketAddress to;
        Address from;
        std::uint32_t interface_index = 0;
        std::uint32_t size = 0;
        std::size_t offset = 0;
    };
    void compact();

    std::vector<Item> items_;
    std::vector<std::uint8_t> bytes_;
    std::size_t next_ = 0;  ///< first item not yet sent
};

class UdpBatch {
public:
    UdpBatch();

    /// One recvmmsg. The number of datagrams, 0 if there are none.
    unsigned receive(const UdpSocket& socket);
    Bytes message(unsigned i) const { return {in_slot(i), std::min<std::size_t>(in_[i].msg_len, udp_question_max)}; }
    /// Fills the parts of `client` that differ from datagram to datagram.
    void client(unsigned i, const UdpSocket& socket, Client& client) const;
    /// Where the next reply may be written. Requires `has_room`.
    std::span<std::uint8_t> reply_buffer() { return {out_bytes_.get() + written_, udp_message_max}; }
    /// The reply to datagram `i` stands at the beginning of `reply_buffer`.
    void answer(unsigned i, const UdpSocket& socket, std::size_t size);
    /// False after long replies: `send` makes room.
    bool has_room() const { return out_bytes - written_ >= udp_message_max; }
    /// One sendmmsg, more if need be, of all answers so far. What the kernel has no room for goes to `queue`, all of it if the socket is
    /// known to be `blocked` (first come, first served); true if that happened.
    bool send(const UdpSocket& socket, UdpQueue& queue, bool blocked, WorkerCounters& counters);

private:
    // One cache line more than a power of two: slots of exactly 2048 bytes would share the same few sets of the first-level cache.
    static constexpr std::size_t in_stride = udp_question_max + 64;
    /// Replies stand one behind the other: a whole batch of usual ones, or one of the longest behind many short ones.
    static constexpr std::size_t out_bytes = udp_batch_max * 1232 + udp_message_max;
    static constexpr std::size_t control_bytes = 64;

    std::uint8_t* in_slot(unsigned i) const { return in_bytes_.get() + i * in_stride; }
    std::uint8_t* control_of(unsigned i) const { return control_.get() + i * control_bytes; }
    const cmsghdr* packet_info(unsigned i) const;

    std::unique_ptr<std::uint8_t[]> in_bytes_, out_bytes_, control_;  // pages are touched only when used
    std::unique_ptr<mmsghdr[]> in_, out_;
    std::unique_ptr<iovec[]> in_parts_, out_parts_;
    std::unique_ptr<SocketAddress[]> peers_;
    std::unique_ptr<std::uint8_t[]> out_index_;  // which datagram the n-th answer belongs to
    unsigned answers_ = 0;
    std::size_t written_ = 0;  ///< bytes of their replies
    unsigned used_ = udp_batch_max;  ///< headers that the last call shortened
    bool armed_wildcard_ = false;
};

}  // namespace lictor
