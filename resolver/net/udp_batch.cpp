// Calls recvmmsg and sendmmsg, and handles their control messages.
#include "resolver/net/udp_batch.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "conf/metrics/metrics.hpp"

namespace lictor::net {
namespace {

constexpr std::size_t kept_bytes = 65'536;  // a queue that has grown beyond this frees its memory once empty

/// Calls sendmmsg until the send buffer is full. Returns the number of messages, from the first on, that were sent or have failed and were
/// counted.
unsigned send_some(int fd, mmsghdr* headers, unsigned count, metrics::WorkerCounters& counters) {
    unsigned done = 0;
    while (done < count) {
        const int sent = ::sendmmsg(fd, headers + done, count - done, MSG_NOSIGNAL);
        if (sent > 0) {
            done += static_cast<unsigned>(sent);
        } else if (sent < 0 && errno == EINTR) {
            continue;
        } else if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            break;
        } else {  // this datagram cannot be sent (no route, a packet filter, port 0, …); the next ones can
            counters.send_failed.add();
            ++done;
        }
    }
    return done;
}

/// Sets the source address of a reply.
void put_source(msghdr& header, std::uint8_t* control, const Address& from, std::uint32_t interface_index) {
    header.msg_control = control;
    header.msg_controllen = from.v6 ? CMSG_SPACE(sizeof(in6_pktinfo)) : CMSG_SPACE(sizeof(in_pktinfo));
    cmsghdr* info = CMSG_FIRSTHDR(&header);
    if (from.v6) {
        in6_pktinfo source{};
        std::memcpy(&source.ipi6_addr, from.bytes.data(), 16);
        if (from.is_link_local()) source.ipi6_ifindex = interface_index;
        info->cmsg_level = IPPROTO_IPV6;
        info->cmsg_type = IPV6_PKTINFO;
        info->cmsg_len = CMSG_LEN(sizeof source);
        std::memcpy(CMSG_DATA(info), &source, sizeof source);
    } else {
        in_pktinfo source{};  // the interface is left to the routing table
        std::memcpy(&source.ipi_spec_dst, from.bytes.data(), 4);
        info->cmsg_level = IPPROTO_IP;
        info->cmsg_type = IP_PKTINFO;
        info->cmsg_len = CMSG_LEN(sizeof source);
        std::memcpy(CMSG_DATA(info), &source, sizeof source);
    }
}

}  // namespace

bool UdpQueue::put(const answer::Client& client, wire::Bytes reply) {
    compact();
    if (size() >= count_max || bytes_.size() + reply.size() > bytes_max) return false;
    const std::size_t offset = bytes_.size();
    bytes_.insert(bytes_.end(), reply.begin(), reply.end());  // first: without memory there must be no item without its bytes
    items_.push_back({.to = SocketAddress(client.peer, client.local_interface),
                      .from = client.local,
                      .interface_index = client.local_interface,
                      .size = static_cast<std::uint32_t>(reply.size()),
                      .offset = offset});
    return true;
}

bool UdpQueue::send(const UdpSocket& socket, metrics::WorkerCounters& counters) {
    std::array<mmsghdr, udp_batch_max> headers;
    std::array<iovec, udp_batch_max> parts;
    alignas(cmsghdr) std::array<std::uint8_t, udp_batch_max * 64> control;
    while (!empty()) {
        const auto count = static_cast<unsigned>(std::min<std::size_t>(size(), udp_batch_max));
        for (unsigned i = 0; i < count; ++i) {
            Item& item = items_[next_ + i];
            parts[i] = {bytes_.data() + item.offset, item.size};
            headers[i] = {};
            headers[i].msg_hdr.msg_name = &item.to.any;
            headers[i].msg_hdr.msg_namelen = item.to.length;
            headers[i].msg_hdr.msg_iov = &parts[i];
            headers[i].msg_hdr.msg_iovlen = 1;
            if (socket.wildcard) put_source(headers[i].msg_hdr, control.data() + i * 64, item.from, item.interface_index);
        }
        const unsigned done = send_some(socket.fd, headers.data(), count, counters);
        next_ += done;
        if (done < count) return true;
    }
    items_.clear();
    next_ = 0;
    bytes_.clear();
    if (bytes_.capacity() > kept_bytes) release();
    return false;
}

void UdpQueue::release() {
    if (!empty()) return;
    bytes_ = {};
    items_ = {};
    next_ = 0;
}

/// Drops the sent part once it is larger than the rest.
void UdpQueue::compact() {
    if (next_ < 64 || next_ * 2 < items_.size()) return;
    const std::size_t cut = empty() ? bytes_.size() : items_[next_].offset;
    bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(cut));
    items_.erase(items_.begin(), items_.begin() + static_cast<std::ptrdiff_t>(next_));
    for (auto& item : items_) item.offset -= cut;
    next_ = 0;
}

UdpBatch::UdpBatch()
    : in_bytes_(std::make_unique_for_overwrite<std::uint8_t[]>(udp_batch_max * in_stride)),
      out_bytes_(std::make_unique_for_overwrite<std::uint8_t[]>(out_bytes)),
      control_(std::make_unique<std::uint8_t[]>(udp_batch_max * control_bytes)),
      in_(std::make_unique<mmsghdr[]>(udp_batch_max)),
      out_(std::make_unique<mmsghdr[]>(udp_batch_max)),
      in_parts_(std::make_unique<iovec[]>(udp_batch_max)),
      out_parts_(std::make_unique<iovec[]>(udp_batch_max)),
      peers_(std::make_unique<SocketAddress[]>(udp_batch_max)),
      out_index_(std::make_unique<std::uint8_t[]>(udp_batch_max)) {
    for (unsigned i = 0; i < udp_batch_max; ++i) {
        in_parts_[i] = {in_slot(i), udp_query_max};
        in_[i].msg_hdr.msg_name = &peers_[i].any;
        in_[i].msg_hdr.msg_iov = &in_parts_[i];
        in_[i].msg_hdr.msg_iovlen = 1;
        out_[i].msg_hdr.msg_iov = &out_parts_[i];
        out_[i].msg_hdr.msg_iovlen = 1;
    }
}

unsigned UdpBatch::receive(const UdpSocket& socket) {
    answers_ = 0;
    written_ = 0;
    if (socket.wildcard != std::exchange(armed_wildcard_, socket.wildcard)) used_ = udp_batch_max;
    for (unsigned i = 0; i < used_; ++i) {  // the kernel shortens these to what it wrote
        in_[i].msg_hdr.msg_namelen = sizeof(sockaddr_in6);
        in_[i].msg_hdr.msg_control = socket.wildcard ? control_of(i) : nullptr;
        in_[i].msg_hdr.msg_controllen = socket.wildcard ? control_bytes : 0;
    }
    int got = 0;
    do got = ::recvmmsg(socket.fd, in_.get(), udp_batch_max, 0, nullptr);
    while (got < 0 && errno == EINTR);
    used_ = got > 0 ? static_cast<unsigned>(got) : 0;
    return used_;
}

const cmsghdr* UdpBatch::packet_info(unsigned i) const {
    auto* header = const_cast<msghdr*>(&in_[i].msg_hdr);
    for (const cmsghdr* part = CMSG_FIRSTHDR(header); part; part = CMSG_NXTHDR(header, const_cast<cmsghdr*>(part))) {
        if (part->cmsg_level == IPPROTO_IP && part->cmsg_type == IP_PKTINFO) return part;
        if (part->cmsg_level == IPPROTO_IPV6 && part->cmsg_type == IPV6_PKTINFO) return part;
    }
    return nullptr;
}

void UdpBatch::client(unsigned i, const UdpSocket& socket, answer::Client& client) const {
    client.peer = peers_[i].endpoint();
    client.local = socket.address;
    client.local_interface = peers_[i].scope();
    if (!socket.wildcard) return;
    const cmsghdr* info = packet_info(i);
    if (!info) return;
    if (info->cmsg_level == IPPROTO_IP) {
        in_pktinfo to;
        std::memcpy(&to, CMSG_DATA(info), sizeof to);
        std::memcpy(client.local.bytes.data(), &to.ipi_spec_dst, 4);
        client.local_interface = static_cast<std::uint32_t>(to.ipi_ifindex);
    } else {
        in6_pktinfo to;
        std::memcpy(&to, CMSG_DATA(info), sizeof to);
        std::memcpy(client.local.bytes.data(), &to.ipi6_addr, 16);
        client.local_interface = to.ipi6_ifindex;
    }
}

void UdpBatch::answer(unsigned i, const UdpSocket& socket, std::size_t size) {
    const unsigned n = answers_++;
    out_index_[n] = static_cast<std::uint8_t>(i);
    out_parts_[n] = {out_bytes_.get() + written_, size};
    written_ += size;
    msghdr& header = out_[n].msg_hdr;
    header.msg_name = &peers_[i].any;
    header.msg_namelen = in_[i].msg_hdr.msg_namelen;
    header.msg_control = nullptr;
    header.msg_controllen = 0;
    if (!socket.wildcard) return;
    answer::Client asked;
    client(i, socket, asked);
    if (!asked.local.is_unspecified()) put_source(header, control_of(i), asked.local, asked.local_interface);
}

bool UdpBatch::send(const UdpSocket& socket, UdpQueue& queue, bool blocked, metrics::WorkerCounters& counters) {
    const unsigned count = std::exchange(answers_, 0);
    const unsigned done = blocked ? 0 : send_some(socket.fd, out_.get(), count, counters);
    for (unsigned n = done; n < count; ++n) {
        answer::Client to;
        client(out_index_[n], socket, to);
        if (!queue.put(to, {static_cast<const std::uint8_t*>(out_parts_[n].iov_base), out_parts_[n].iov_len})) counters.send_failed.add();
    }
    written_ = 0;
    return done < count;
}

}  // namespace lictor::net
