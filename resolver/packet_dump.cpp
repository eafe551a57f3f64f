// pcap 2.4 with link type RAW: each record is an IP header, a UDP header, the message.
#include "resolver/packet_dump.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>

namespace lictor {
namespace {

constexpr std::size_t queue_bytes_max = 8 << 20;
constexpr std::uint32_t magic = 0xa1b2c3d4, link_type_raw = 101, snap_length = 65'535 + 100;
constexpr std::uint8_t protocol_udp = 17;

class Packer {
public:
    explicit Packer(std::vector<std::uint8_t>& out) : out_(out) {}
    /// pcap's own fields: in this machine's order, the magic tells.
    Packer& own32(std::uint32_t value) { return raw(&value, sizeof value); }
    Packer& own16(std::uint16_t value) { return raw(&value, sizeof value); }
    Packer& u8(unsigned value) { return out_.push_back(static_cast<std::uint8_t>(value)), *this; }
    Packer& u16(unsigned value) { return u8(value >> 8 & 0xff).u8(value & 0xff); }
    Packer& u32(std::uint32_t value) { return u16(value >> 16).u16(value & 0xffff); }
    Packer& bytes(std::span<const std::uint8_t> bytes) { return out_.insert(out_.end(), bytes.begin(), bytes.end()), *this; }

private:
    Packer& raw(const void* from, std::size_t size) {
        const auto* at = static_cast<const std::uint8_t*>(from);
        return out_.insert(out_.end(), at, at + size), *this;
    }
    std::vector<std::uint8_t>& out_;
};

/// RFC 1071 over the IPv4 header just written.
void put_checksum(std::vector<std::uint8_t>& out, std::size_t header_at) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < 20; i += 2) sum += static_cast<std::uint32_t>(out[header_at + i]) << 8 | out[header_at + i + 1];
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    out[header_at + 10] = static_cast<std::uint8_t>(~sum >> 8);
    out[header_at + 11] = static_cast<std::uint8_t>(~sum);
}

}  // namespace

Result<std::shared_ptr<PacketDump>> PacketDump::open(const std::string& path, std::uint32_t mask) {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0640);
    if (fd < 0) return Error{"dumpfile=" + path + ": " + std::strerror(errno) + "; choose a directory that can be written"};
    auto dump = std::shared_ptr<PacketDump>(new PacketDump(fd, mask));
    struct stat file{};
    if (::fstat(fd, &file) == 0 && file.st_size == 0)
        Packer(dump->queue_).own32(magic).own16(2).own16(4).own32(0).own32(0).own32(snap_length).own32(link_type_raw);
    return dump;
}

PacketDump::~PacketDump() {
    {
        const std::lock_guard lock(mutex_);
        ending_ = true;
    }
    more_.notify_one();
    if (writer_.joinable()) writer_.join();
    ::close(fd_);
}

std::uint64_t PacketDump::dropped() {
    const std::lock_guard lock(mutex_);
    return dropped_;
}

void PacketDump::start() {
    writer_ = std::thread([this] { write_on(); });
}

void PacketDump::put(Kind kind, const Endpoint& from, const Endpoint& to, Bytes message) {
    if (!wants(kind)) return;
    const bool v6 = from.address.v6 || to.address.v6;
    const std::size_t ip = v6 ? 40 : 20, size = ip + 8 + message.size();
    const auto now = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
    const std::lock_guard lock(mutex_);
    if (queue_.size() + size + 16 > queue_bytes_max || size > snap_length) {
        ++dropped_;
        return;
    }
    Packer out(queue_);
    out.own32(static_cast<std::uint32_t>(now / 1'000'000)).own32(static_cast<std::uint32_t>(now % 1'000'000));
    out.own32(static_cast<std::uint32_t>(size)).own32(static_cast<std::uint32_t>(size));
    const std::size_t header_at = queue_.size();
    const auto udp_size = static_cast<unsigned>(8 + message.size());
    if (v6) {
        out.u32(6u << 28).u16(udp_size & 0xffff).u8(protocol_udp).u8(64).bytes(from.address.bytes).bytes(to.address.bytes);
    } else {
        out.u8(0x45).u8(0).u16(static_cast<unsigned>(size) & 0xffff).u32(0).u8(64).u8(protocol_udp).u16(0);
        out.bytes({from.address.bytes.data(), 4}).bytes({to.address.bytes.data(), 4});
        put_checksum(queue_, header_at);
    }
    out.u16(from.port).u16(to.port).u16(udp_size & 0xffff).u16(0).bytes(message);
    more_.notify_one();
}

void PacketDump::write_on() {
    std::vector<std::uint8_t> taken;
    std::unique_lock lock(mutex_);
    while (true) {
        more_.wait(lock, [this] { return ending_ || !queue_.empty(); });
        if (queue_.empty()) return;
        taken.clear();
        taken.swap(queue_);
        lock.unlock();
        for (std::size_t done = 0; done < taken.size();) {
            const ssize_t got = ::write(fd_, taken.data() + done, taken.size() - done);
            if (got < 0 && errno == EINTR) continue;
            if (got <= 0) break;  // a full disk or a FIFO that nobody reads: this batch is lost
            done += static_cast<std::size_t>(got);
        }
        lock.lock();
    }
}

}  // namespace lictor
