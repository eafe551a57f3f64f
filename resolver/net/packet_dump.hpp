// Copies DNS packets into a pcap file (dumpfile, dumpmask) for tcpdump and Wireshark. Workers queue packets, one thread writes them, so
// that a slow disk delays no answer; packets beyond 8 MiB of queue are dropped and counted.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "conf/base/address.hpp"
#include "conf/base/result.hpp"
#include "resolver/wire/name.hpp"
#include "watch/loop/guarded.hpp"

namespace lictor::net {

/// One open dumpfile. The destructor writes what is queued, joins the thread and closes the file.
class PacketDump {
public:
    /// Bits of dumpmask, dnsmasq's: from a client, to a client, to an upstream, from an upstream.
    enum Kind : std::uint32_t { query = 1, reply = 2, up_query = 4, up_reply = 8 };

    /// Opens the file with mode 0640, or appends to an existing one; call with the rights of the start. `mask`: bits of Kind. The error
    /// names the path and the cause; a FIFO without a reader is one (ENXIO, open(2)).
    static Result<std::shared_ptr<PacketDump>> open(const std::string& path, std::uint32_t mask);
    ~PacketDump();
    PacketDump(const PacketDump&) = delete;
    PacketDump& operator=(const PacketDump&) = delete;

    bool selects(Kind kind) const { return (mask_ & kind) != 0; }
    /// Queues a packet if the mask selects it. May be called by any thread; never waits for the disk. The packet is written as a UDP
    /// datagram, even if it came over TCP, over IPv6 if one of the addresses is IPv6. Its time is the system clock's, in microseconds.
    void put(Kind kind, const Endpoint& from, const Endpoint& to, wire::Bytes message);
    /// Starts the writing thread. Only after privileges are dropped: there must be no thread before.
    void start();
    /// Packets that did not fit the queue, or are longer than a record may be. Those lost by a write error are not counted. May be called
    /// by any thread.
    std::uint64_t dropped();

private:
    struct Shared {
        std::vector<std::uint8_t> queue;  ///< whole records
        std::uint64_t dropped = 0;
        bool ending = false;
    };
    PacketDump(int fd, std::uint32_t mask) : fd_(fd), mask_(mask) {}
    void write_on();

    int fd_;
    std::uint32_t mask_;
    loop::Guarded<Shared> shared_;
    std::condition_variable more_;
    std::thread writer_;
};

}  // namespace lictor::net
