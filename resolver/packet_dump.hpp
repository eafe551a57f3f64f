// A copy of DNS packets in a pcap file (dumpfile, dumpmask), for tcpdump and Wireshark. Workers hand packets over; one thread writes them,
// so that a slow disk never stands in the way of an answer: what it cannot take in time is dropped and counted.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "conf/base/address.hpp"
#include "conf/base/result.hpp"
#include "resolver/wire/name.hpp"

namespace lictor {

class PacketDump {
public:
    /// dnsmasq's bits of dumpmask.
    enum Kind : std::uint32_t { query = 1, reply = 2, up_query = 4, up_reply = 8 };

    /// Opens the file (appends to one that is there) while we still may.
    static Result<std::shared_ptr<PacketDump>> open(const std::string& path, std::uint32_t mask);
    ~PacketDump();
    PacketDump(const PacketDump&) = delete;
    PacketDump& operator=(const PacketDump&) = delete;

    bool wants(Kind kind) const { return (mask_ & kind) != 0; }
    /// Any thread. The packet is written as a UDP datagram, whatever carried it.
    void put(Kind kind, const Endpoint& from, const Endpoint& to, Bytes message);
    /// Starts the writer; after privileges are dropped, since threads must not be there before.
    void start();
    std::uint64_t dropped();

private:
    PacketDump(int fd, std::uint32_t mask) : fd_(fd), mask_(mask) {}
    void write_on();

    int fd_;
    std::uint32_t mask_;
    std::mutex mutex_;
    std::condition_variable more_;
    std::vector<std::uint8_t> queue_;    ///< whole records, guarded
    std::uint64_t dropped_ = 0;          ///< guarded
    bool ending_ = false;                ///< guarded
    std::thread writer_;
};

}  // namespace lictor
