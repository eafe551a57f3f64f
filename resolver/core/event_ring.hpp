// What has happened lately, as server-sent events (WHATWG HTML, "Server-sent events"): a bounded ring from which a client that lost its
// connection goes on where it was (`Last-Event-ID`). An id names the start of this lictor and a number, so that another one's ids are told
// apart. Pure.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

namespace lictor {

class EventRing {
public:
    static constexpr std::size_t events_max = 128;

    explicit EventRing(std::int64_t started_unix) : started_(std::to_string(started_unix)) {}

    /// `data` is one line of JSON (a line feed at its end is cut). Gives the event as it goes to those who listen.
    const std::string& add(std::string_view type, std::string_view data);
    /// All that followed the event `last_id`; with a word before it where some of that is not kept any more.
    std::string since(std::string_view last_id) const;
    /// An event that is made for one listener alone: it bears the newest id, from which it can go on.
    std::string now(std::string_view type, std::string_view data) const { return text(type, data, next_ - 1); }

private:
    std::string text(std::string_view type, std::string_view data, std::uint64_t number) const;

    std::string started_;
    std::deque<std::string> events_;
    std::uint64_t next_ = 1;  ///< number of the next event; the newest in `events_` is the one before
};

}  // namespace lictor
