// The clients of /events: a limited number of connections, each with a limited backlog. A connection with nothing to send is suspended in
// libmicrohttpd; a connection whose client does not read is closed and counted. Used on the control thread only.
#pragma once

#include <microhttpd.h>

#include <list>
#include <string>
#include <string_view>

#include "conf/budget/budget.hpp"
#include "conf/metrics/metrics_fwd.hpp"

namespace lictor::endpoint {

/// The connections whose replies do not end. The daemon must be stopped before this object is destroyed.
class EventStreams {
public:
    static constexpr std::size_t streams_max = 8;               ///< clients at once; `open` does not check it
    static constexpr std::size_t backlog_bytes_max = 64 << 10;  ///< beside its first bytes

    explicit EventStreams(metrics::ControlCounters& counters);
    ~EventStreams();

    bool full() const { return streams_.size() >= streams_max; }
    bool empty() const { return streams_.empty(); }
    /// Queues a reply without end that begins with `first`. `fd` belongs to libmicrohttpd. `decorate` adds headers.
    /// Gives libmicrohttpd's result: after MHD_NO it closes the connection.
    MHD_Result open(MHD_Connection* connection, int fd, std::string first, void (*decorate)(MHD_Response*));
    /// Appends a copy to every backlog; a client whose backlog is full is disconnected and counted. The caller runs libmicrohttpd
    /// afterwards.
    void send(std::string_view text);
    /// Ends every reply and resumes every connection. Before the daemon stops: libmicrohttpd requires that no connection is suspended then.
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
    void weigh();

    metrics::ControlCounters& counters_;
    budget::Held memory_;  ///< of all backlogs
    std::list<Stream> streams_;
};

}  // namespace lictor::endpoint
