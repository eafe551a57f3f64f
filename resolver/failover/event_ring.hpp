// The latest events as server-sent events (WHATWG HTML, "Server-sent events"): a bounded ring from which a client that reconnects with
// `Last-Event-ID` continues. An id is the start time of this process and a number, so that ids of an earlier process are recognized. Pure.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

namespace lictor::failover {

class EventRing {
public:
    static constexpr std::size_t events_max = 128;

    explicit EventRing(std::int64_t started_unix) : started_(std::to_string(started_unix)) {}

    /// `data`: one line of JSON (a final line feed is cut). Returns the event as it is sent, valid until the next call.
    const std::string& add(std::string_view type, std::string_view data);
    /// All events after `last_id`. First comes `restarted` if the id is of another process, or `lost` with their number if some have left
    /// the ring.
    std::string since(std::string_view last_id) const;
    /// An event for one client only; it has the newest id, so that the client can continue from it.
    std::string now(std::string_view type, std::string_view data) const { return text(type, data, next_ - 1); }

private:
    std::string text(std::string_view type, std::string_view data, std::uint64_t number) const;

    std::string started_;
    std::deque<std::string> events_;
    std::uint64_t next_ = 1;  ///< number of the next event; the newest in `events_` is the one before
};

}  // namespace lictor::failover
