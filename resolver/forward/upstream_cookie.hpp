// The DNS cookies for one upstream (RFC 7873 §5): which are sent, and what does the one in a reply say? A reply with another client cookie
// is forged. One without a cookie from an upstream that sends them is doubtful: the query is asked again over TCP. Upstreams without
// cookies, and those that send them only at times, are asked without for an hour. Pure; used by one thread.
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

    /// True if a query has a cookie now. `first`: the query was not sent to this upstream before. An upstream that has never sent a cookie
    /// gets none with a query that is sent again: perhaps it does not reply to queries with one.
    bool wanted(Now now, bool first) const { return now >= off_until_ && (first || sends_); }
    /// The client cookie for a query that is sent now. It changes each day.
    const Client& client(Random& random, Now now);
    /// The data of the COOKIE option: the client cookie, and the upstream's last server cookie.
    std::vector<std::uint8_t> option() const;

    /// What a reply is. `genuine` holds as far as the cookie can tell.
    enum class Verdict : std::uint8_t { genuine, forged, doubtful };
    /// Judges a well-formed reply to a query with the client cookie `sent`, and learns from it. `got`: the data of the reply's COOKIE
    /// option; empty if it has none.
    Verdict judge(const Client& sent, wire::Bytes got, bool over_tcp, Now now);
    /// The upstream refuses queries with a cookie, or replied only to one without: none is sent for an hour.
    void refused(Now now);

private:
    Client client_{};
    Now made_{}, off_until_{};
    bool made_one_ = false;
    bool sends_ = false;    ///< the upstream has replied with a cookie
    unsigned missing_ = 0;  ///< doubtful replies in a row
    std::vector<std::uint8_t> server_;
};

}  // namespace lictor::forward
