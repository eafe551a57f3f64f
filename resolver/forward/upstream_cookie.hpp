// The DNS cookies for one upstream (RFC 7873 §5): which are sent, and what does the one in a reply say? A reply with another client cookie
// is forged. One without a cookie from an upstream that sends them is doubtful: the query is asked again over TCP. Upstreams without
// cookies, and those that send them only at times, are asked without for an hour. One that does not reply to queries with a cookie, but to
// one without, is asked without for an hour, or for ten minutes if it has sent cookies before. Pure; used by one thread.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "conf/base/clock.hpp"
#include "conf/base/random.hpp"
#include "resolver/wire/message.hpp"

namespace lictor::forward {

class UpstreamCookie {
public:
    using Client = std::array<std::uint8_t, 8>;

    /// True if a query has a cookie now. `time`: 1 if it is sent to this upstream for the first time. Perhaps the upstream does not reply
    /// to queries with a cookie. So one that has never sent a cookie gets none with a query that is sent again, any other none with one
    /// that is sent for the third time, and neither gets one while `silent_max` such queries in a row had no reply.
    bool wanted(Now now, unsigned time) const { return now >= off_until_ && silent_ < silent_max && time <= (sends_ ? 2u : 1u); }
    /// True if the upstream has replied with a cookie, and was not found to refuse them since.
    bool sends() const { return sends_; }
    /// The client cookie for a query that is sent now. It changes each day.
    const Client& client(Random& random, Now now);
    /// The data of the COOKIE option: the client cookie, and the upstream's last server cookie.
    std::vector<std::uint8_t> option() const;

    /// What a reply is. `genuine` holds as far as the cookie can tell.
    enum class Verdict : std::uint8_t { genuine, forged, doubtful };
    /// Judges a well-formed reply to a query with the client cookie `sent`, and learns from it. `got`: the data of the reply's COOKIE
    /// option; empty if it has none.
    Verdict judge(const Client& sent, wire::Bytes got, bool over_tcp, Now now);
    /// True if the records of a reply with this cookie, or without one if `got` is empty, may be kept. Learns nothing.
    bool trusts(const Client& sent, wire::Bytes got) const;
    /// The upstream refuses queries with a cookie: none is sent for an hour.
    void refused(Now now);
    /// No reply came in time to a query over UDP, which was sent with a cookie or without. If there is none to a query without a cookie
    /// either, the cookie is not the reason.
    void timed_out(bool with_cookie, Now now);
    /// A reply came over UDP to a query without a cookie. `silent_beside`: none has come yet to the same query with one.
    void answered_without(bool silent_beside, Now now);

private:
    static constexpr unsigned silent_max = 2;
    void off_until(Now end);

    Client client_{};
    Now made_{}, off_until_{};
    bool made_one_ = false;
    bool sends_ = false;    ///< the upstream has replied with a cookie
    unsigned missing_ = 0;  ///< doubtful replies in a row
    unsigned silent_ = 0;   ///< queries with a cookie in a row that had no reply over UDP
    std::vector<std::uint8_t> server_;
};

}  // namespace lictor::forward
