// UDP in batches, for few system calls per datagram. `UdpBatch` has the buffers of one recvmmsg and one sendmmsg; all sockets of a worker
// share one. `UdpQueue` keeps replies made outside a batch, and those that the kernel did not take, up to a bound. An error of one datagram
// does not affect the others. On a wildcard socket replies leave from the address that was queried (IP_PKTINFO, RFC 3542 §6).
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "conf/metrics/metrics_fwd.hpp"
#include "resolver/answer/actions.hpp"
#include "resolver/net/socket_address.hpp"

namespace lictor::net {

/// Datagrams per recvmmsg(2) and sendmmsg(2).
inline constexpr unsigned udp_batch_max = 64;
/// Bytes per datagram; a longer one is cut. No query needs as much, and a cut message is rejected as malformed.
inline constexpr std::size_t udp_query_max = 2048;

/// A bound UDP socket; the descriptor belongs to the caller.
struct UdpSocket {
    int fd = -1;
    std::uint32_t listen_socket = 0;  ///< Client::listen_socket
    Address address;                  ///< bound to
    bool wildcard = false;            ///< the destination address is read from each datagram
};

/// Replies of one socket that wait for the end of the turn or for room in the kernel.
class UdpQueue {
public:
    static constexpr std::size_t count_max = 1024;     ///< replies
    static constexpr std::size_t bytes_max = 1 << 20;  ///< of all replies

    /// Copies the reply. False if the queue is full; the reply is dropped, and the caller counts it.
    bool put(const answer::Client& client, wire::Bytes reply);
    /// Sends as much as the kernel takes, in order. True if replies are left: the socket must become writable first. A reply that the
    /// kernel refuses is dropped and counted (send_failed).
    bool send(const UdpSocket& socket, metrics::WorkerCounters& counters);
    bool empty() const { return items_.size() == next_; }
    std::size_t size() const { return items_.size() - next_; }
    /// True if a reply of so many bytes fits into the memory that the queue has.
    bool has_memory_for(std::size_t more) const { return items_.size() < items_.capacity() && bytes_.capacity() - bytes_.size() >= more; }
    /// Frees the memory if the queue is empty.
    void release();
    /// Memory in bytes.
    std::size_t bytes() const { return bytes_.capacity() + items_.capacity() * sizeof(Item); }

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

/// One batch: `receive`, then `message`, `client` and `answer` per datagram, then `send`. Datagrams are numbered from 0.
class UdpBatch {
public:
    UdpBatch();

    /// One recvmmsg on a non-blocking socket; replies not sent yet are dropped. The number of datagrams, 0 if there are none or after an
    /// error.
    unsigned receive(const UdpSocket& socket);
    /// Valid until the next `receive`. At most udp_query_max bytes; the rest of a longer datagram is lost.
    wire::Bytes message(unsigned i) const { return {in_slot(i), std::min<std::size_t>(in_[i].msg_len, udp_query_max)}; }
    /// Sets peer, local address and interface of `client` from datagram `i`. On a wildcard socket the local address is the destination of
    /// the datagram (IP_PKTINFO, ip(7)); it stays unspecified if the kernel gave none.
    void client(unsigned i, const UdpSocket& socket, answer::Client& client) const;
    /// Where the next reply may be written. Requires `has_room`.
    std::span<std::uint8_t> reply_buffer() { return {out_bytes_.get() + written_, wire::udp_message_max}; }
    /// The reply to datagram `i`, `size` bytes, has been written to the beginning of `reply_buffer`.
    void answer(unsigned i, const UdpSocket& socket, std::size_t size);
    /// False after long replies, until `send` is called.
    bool has_room() const { return out_bytes - written_ >= wire::udp_message_max; }
    /// Sends all replies so far with one sendmmsg or more. Replies that the kernel does not accept are moved to `queue`; if the socket is
    /// `blocked`, all are, to keep their order. What does not fit the queue, or cannot be sent at all, is counted (send_failed). True if
    /// any were moved, or did not fit.
    bool send(const UdpSocket& socket, UdpQueue& queue, bool blocked, metrics::WorkerCounters& counters);

private:
    // One cache line more than 2048 bytes: slots at a power of two would share few sets of the first-level cache.
    static constexpr std::size_t in_stride = udp_query_max + 64;
    /// Replies are stored one after another: room for a batch of usual ones, or for one of the longest after many short ones.
    static constexpr std::size_t out_bytes = udp_batch_max * 1232 + wire::udp_message_max;
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
    std::size_t written_ = 0;        ///< bytes of their replies
    unsigned used_ = udp_batch_max;  ///< headers that the last call shortened
    bool armed_wildcard_ = false;
};

}  // namespace lictor::net
