// Who listens to /events: a bounded number of connections, each with a bounded backlog. A connection without anything to send is
// suspended in libmicrohttpd; one that does not read what it is sent is dropped and counted. Control thread only.
#pragma once

#include <microhttpd.h>

#include <list>
#include <string>
#include <string_view>

#include "conf/metrics.hpp"

namespace lictor {

class EventStreams {
public:
    static constexpr std::size_t streams_max = 8;
    static constexpr std::size_t backlog_bytes_max = 64 << 10;  ///< beside what it was sent at first

    explicit EventStreams(ControlCounters& counters) : counters_(counters) {}
    ~EventStreams();

    bool full() const { return streams_.size() >= streams_max; }
    bool empty() const { return streams_.empty(); }
    /// Queues the endless reply that begins with `first`. `fd` is libmicrohttpd's.
    MHD_Result open(MHD_Connection* connection, int fd, std::string first, void (*decorate)(MHD_Response*));
    /// To everybody. The caller lets libmicrohttpd run afterwards.
    void send(std::string_view text);
    /// Before the daemon stops: it must find none suspended.
    void end_all();

private:
    struct Stream {
        EventStreams* owner;
        MHD_Connection* connection;
        int fd;
        std::string backlog;
        std::size_t backlog_max;
        bool suspended = false, ended = false;
    };
    static ssize_t on_read(void* stream, std::uint64_t, char* into, std::size_t room) noexcept;
    static void on_gone(void* stream) noexcept;
    void wake(Stream& stream);

    ControlCounters& counters_;
    std::list<Stream> streams_;
};

}  // namespace lictor
