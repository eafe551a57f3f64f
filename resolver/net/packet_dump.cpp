// Writes pcap 2.4 with link type RAW: each record is an IP header, a UDP header and the message.
#include "resolver/net/packet_dump.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <span>

#include "conf/base/bytes.hpp"

namespace lictor::net {
namespace {

constexpr std::size_t queue_bytes_max = 8 << 20;
constexpr std::uint32_t magic = 0xa1b2c3d4, link_type_raw = 101, snap_length = 65'535 + 100;
constexpr std::size_t pcap_header_size = 16, ipv4_header_size = 20, ipv6_header_size = 40, udp_header_size = 8;
constexpr std::uint8_t protocol_udp = 17, hop_limit = 64;

void append(std::vector<std::uint8_t>& out, std::span<const std::uint8_t> bytes) { out.insert(out.end(), bytes.begin(), bytes.end()); }

/// Fields of pcap itself, in this machine's byte order: the reader recognizes it by the magic number.
template <class... Fields>
void append_pcap(std::vector<std::uint8_t>& out, Fields... fields) {
    (append(out, {reinterpret_cast<const std::uint8_t*>(&fields), sizeof fields}), ...);
}

/// IPv6 header (RFC 8200 §3) of a UDP datagram.
void append_ipv6(std::vector<std::uint8_t>& out, const Address& from, const Address& to, std::size_t udp_size) {
    std::array<std::uint8_t, 8> header{};
    header[0] = 6 << 4;
    store_u16(&header[4], static_cast<std::uint16_t>(udp_size));
    header[6] = protocol_udp;
    header[7] = hop_limit;
    append(out, header);
    append(out, from.bytes);
    append(out, to.bytes);
}

/// IPv4 header (RFC 791 §3.1) of a UDP datagram, with its checksum (RFC 1071).
void append_ipv4(std::vector<std::uint8_t>& out, const Address& from, const Address& to, std::size_t udp_size) {
    std::array<std::uint8_t, ipv4_header_size> header{};
    header[0] = 0x45;  // version 4, five words
    store_u16(&header[2], static_cast<std::uint16_t>(ipv4_header_size + udp_size));
    header[8] = hop_limit;
    header[9] = protocol_udp;
    std::copy_n(from.bytes.begin(), 4, &header[12]);
    std::copy_n(to.bytes.begin(), 4, &header[16]);
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < header.size(); i += 2) sum += load_u16(&header[i]);
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    store_u16(&header[10], static_cast<std::uint16_t>(~sum));
    append(out, header);
}

}  // namespace

Result<std::shared_ptr<PacketDump>> PacketDump::open(const std::string& path, std::uint32_t mask) {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0640);
    if (fd < 0) return Error{"dumpfile=" + path + ": " + std::strerror(errno) + "; choose a directory that can be written"};
    auto dump = std::shared_ptr<PacketDump>(new PacketDump(fd, mask));
    struct stat file {};
    if (::fstat(fd, &file) == 0 && file.st_size == 0)
        append_pcap(dump->shared_.lock()->queue, magic, std::uint16_t{2}, std::uint16_t{4}, 0u, 0u, snap_length, link_type_raw);
    return dump;
}

PacketDump::~PacketDump() {
    shared_.lock()->ending = true;
    more_.notify_one();
    if (writer_.joinable()) writer_.join();
    ::close(fd_);
}

std::uint64_t PacketDump::dropped() { return shared_.lock()->dropped; }

void PacketDump::start() {
    writer_ = std::thread([this] { write_on(); });
}

void PacketDump::put(Kind kind, const Endpoint& from, const Endpoint& to, wire::Bytes message) {
    if (!selects(kind)) return;
    const bool v6 = from.address.v6 || to.address.v6;
    const std::size_t udp_size = udp_header_size + message.size(), size = (v6 ? ipv6_header_size : ipv4_header_size) + udp_size;
    const auto now = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
    const auto shared = shared_.lock();
    auto& queue = shared->queue;
    if (queue.size() + size + pcap_header_size > queue_bytes_max || size > snap_length) {
        ++shared->dropped;
        return;
    }
    const auto size_32 = static_cast<std::uint32_t>(size);
    append_pcap(queue, static_cast<std::uint32_t>(now / 1'000'000), static_cast<std::uint32_t>(now % 1'000'000), size_32, size_32);
    (v6 ? append_ipv6 : append_ipv4)(queue, from.address, to.address, udp_size);
    for (const std::size_t field : {std::size_t{from.port}, std::size_t{to.port}, udp_size, std::size_t{0}}) append_u16(queue, field);
    append(queue, message);
    more_.notify_one();
}

void PacketDump::write_on() {
    std::vector<std::uint8_t> taken;
    while (true) {
        taken.clear();
        {
            auto shared = shared_.lock();
            shared.wait(more_, [](const Shared& now) { return now.ending || !now.queue.empty(); });
            if (shared->queue.empty()) return;
            taken.swap(shared->queue);
        }
        for (std::size_t done = 0; done < taken.size();) {
            const ssize_t got = ::write(fd_, taken.data() + done, taken.size() - done);
            if (got < 0 && errno == EINTR) continue;
            if (got <= 0) break;  // a full disk, or a FIFO without a reader: this batch is lost
            done += static_cast<std::size_t>(got);
        }
    }
}

}  // namespace lictor::net
