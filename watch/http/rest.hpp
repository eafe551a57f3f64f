// Sends a GET to the api_url of a member (Patroni's REST API). It has its own libcurl handle, so that a slow member delays no request to
// Consul. None of Consul's settings are used: no token, client certificate or CA file. https is verified with the system's CAs. Replies are
// limited to 64 KiB. Used on the control thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "watch/http/http.hpp"

namespace lictor::http {

/// Cancels all requests when destroyed: no `done` is called.
class Rest {
public:
    Rest(loop::Loop& loop, Http::Resolve resolve);
    ~Rest();

    using Ticket = std::uint64_t;  ///< 0 = none
    /// `done` is called once from the loop, unless cancelled; not from inside get(). The time-out begins when the address is known:
    /// the caller bounds the resolution. A `url` that is not http(s), is longer than 1024 bytes, or has a user gives a reply with status 0.
    Ticket get(const std::string& url, milliseconds timeout, std::function<void(polling::HttpReply)> done);
    /// As Http::cancel.
    void cancel(Ticket ticket);

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace lictor::http
