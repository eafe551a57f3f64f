// GET of a URL that stands in a member's record (Patroni's REST API). Nothing of Consul's goes along: no token, no client certificate, no
// authority of Consul's own; https is checked against the authorities of the system. No redirects, no proxies, small replies.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "watch/http.hpp"

namespace lictor {

class Rest {
public:
    /// `resolve` finds addresses of host names (never libc: that would ask lictor itself).
    Rest(Loop& loop, Http::Resolve resolve);
    ~Rest();

    using Ticket = std::uint64_t;  ///< 0 = none
    /// `done` is called exactly once from the loop unless cancelled; never from inside get(). The time-out counts from the moment on
    /// that the address is known.
    Ticket get(const std::string& url, milliseconds timeout, std::function<void(HttpReply)> done);
    void cancel(Ticket ticket);

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace lictor
