// libmicrohttpd calls `on_read` while the socket accepts bytes. A connection without bytes to send is suspended.
#include "resolver/endpoint/event_streams.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "conf/metrics/metrics.hpp"

namespace lictor::endpoint {
namespace {

constexpr std::size_t block_bytes = 4096;
constexpr int send_buffer_bytes = 64 << 10;  // what the kernel buffers for a client that does not read

}  // namespace

EventStreams::EventStreams(metrics::ControlCounters& counters) : counters_(counters), memory_(counters.memory, budget::Kind::stats) {}
EventStreams::~EventStreams() = default;

void EventStreams::weigh() {
    std::size_t bytes = 0;
    for (const auto& stream : streams_) bytes += stream.backlog.capacity();
    memory_.set(bytes);
}

MHD_Result EventStreams::open(MHD_Connection* connection, int fd, std::string first, void (*decorate)(MHD_Response*)) {
    auto& stream = streams_.emplace_back();
    stream.owner = this;
    stream.connection = connection;
    stream.fd = fd;
    stream.backlog = std::move(first);
    stream.backlog_max = stream.backlog.size() + backlog_bytes_max;
    MHD_Response* response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, block_bytes, &EventStreams::on_read, &stream, &EventStreams::on_gone);
    if (!response) {
        streams_.pop_back();
        return MHD_NO;
    }
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send_buffer_bytes, sizeof send_buffer_bytes);
    MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT, 0u);
    decorate(response);
    const auto queued = MHD_queue_response(connection, MHD_HTTP_OK, response);
    MHD_destroy_response(response);  // on_gone is called with the last reference
    counters_.event_streams.set(streams_.size());
    weigh();
    return queued;
}

ssize_t EventStreams::on_read(void* of, std::uint64_t, char* into, std::size_t room) noexcept {
    auto& stream = *static_cast<Stream*>(of);
    if (!stream.backlog.empty()) {
        const std::size_t size = std::min(room, stream.backlog.size());
        std::memcpy(into, stream.backlog.data(), size);
        stream.backlog.erase(0, size);
        return static_cast<ssize_t>(size);
    }
    if (stream.ended) return MHD_CONTENT_READER_END_OF_STREAM;
    MHD_suspend_connection(stream.connection);
    stream.suspended = true;
    return 0;
}

void EventStreams::on_gone(void* of) noexcept {
    auto& owner = *static_cast<Stream*>(of)->owner;
    owner.streams_.remove_if([of](const Stream& row) { return &row == of; });
    owner.counters_.event_streams.set(owner.streams_.size());
    owner.weigh();
}

void EventStreams::wake(Stream& stream) {
    if (std::exchange(stream.suspended, false)) MHD_resume_connection(stream.connection);
}

void EventStreams::send(std::string_view text) {
    for (auto& stream : streams_) {
        if (stream.ended) continue;
        if (stream.backlog.size() + text.size() > stream.backlog_max) {
            counters_.event_streams_dropped.add();
            stream.ended = true;
            stream.backlog.clear();
            ::shutdown(stream.fd, SHUT_RDWR);
        } else {
            stream.backlog += text;
        }
        wake(stream);
    }
    weigh();
}

void EventStreams::end_all() {
    for (auto& stream : streams_) {
        stream.ended = true;
        wake(stream);
    }
}

}  // namespace lictor::endpoint
