// Sends DNS messages to a dnstap reader, as frame streams over a unix socket. Workers queue frames, one thread sends them, so that a slow
// reader delays no answer. Without a reader, and beyond 8 MiB of queue, messages are dropped and counted.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "resolver/wire/dnstap.hpp"
#include "watch/loop/guarded.hpp"

namespace lictor::net {

/// One reader. The destructor sends what is queued, ends the stream, and joins the thread: within half a second.
class Dnstap {
public:
    /// `path`: of the reader's socket, shorter than 108 bytes. `identity`: of this server, for example its host name.
    Dnstap(std::string path, std::string identity);
    ~Dnstap();
    Dnstap(const Dnstap&) = delete;
    Dnstap& operator=(const Dnstap&) = delete;

    /// Starts the thread, which connects, and after a failure again each second. Only after privileges are dropped: there must be no thread
    /// before.
    void start();
    /// Queues an event. May be called by any thread; never waits for the reader.
    void put(const wire::TapEvent& event);

    // Since the start. May be called by any thread.
    std::uint64_t sent() const { return sent_.load(std::memory_order_relaxed); }        ///< messages that the kernel has accepted
    std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }  ///< messages
    bool connected() const { return connected_.load(std::memory_order_relaxed); }

private:
    struct Shared {
        std::vector<std::uint8_t> queue;  ///< whole frames
        bool ending = false;
    };
    void run();
    /// Connects and opens the stream; -1 if that fails, with the cause in `why`.
    int open_stream(std::string& why);
    /// Sends frames until the connection fails (the cause is returned) or lictor ends (empty).
    std::string serve(int fd);
    /// Sends all bytes. False: an error, the reader has taken nothing for some seconds, or lictor ends and it has taken nothing for a
    /// moment. `done`: bytes that were sent.
    bool send_all(int fd, const std::vector<std::uint8_t>& bytes, std::size_t& done);
    bool ending() { return shared_.lock()->ending; }

    const std::string path_, identity_;
    loop::Guarded<Shared> shared_;
    std::condition_variable more_;
    std::atomic<bool> connected_{false};
    std::atomic<std::uint64_t> sent_{0}, dropped_{0};
    std::thread thread_;
};

}  // namespace lictor::net
