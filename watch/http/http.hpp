// HTTP requests to Consul: addresses, TLS, tokens, fail-over between several Consul addresses, bounds of size and time. Blocking queries
// are in queries/. Used on the control thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "conf/base/address.hpp"
#include "conf/base/random.hpp"
#include "conf/metrics/metrics_fwd.hpp"
#include "conf/options/options_fwd.hpp"
#include "watch/http/kept_files.hpp"
#include "watch/loop/loop.hpp"
#include "watch/polling/http_reply.hpp"

namespace lictor::http {

/// Cancels all requests when destroyed: no `done` is called.
class Http {
public:
    /// Resolves a host name of consul-http-addr or of a member's api_url (not by libc, which would ask lictor itself). The callback is
    /// called at once or later; no addresses: the name could not be resolved.
    using Resolve = std::function<void(const std::string& host, std::function<void(std::vector<Address>)>)>;
    /// `files`: contents of token and TLS files that only root may read.
    Http(loop::Loop& loop, const conf::ConsulHttpOptions& options, metrics::ControlCounters& counters, Resolve resolve,
         KeptFiles files = {});
    ~Http();

    using Ticket = std::uint64_t;  ///< 0 = none
    /// GET of `path_and_query`, which begins with `/v1/`. `done` is called once from the loop, unless cancelled; not from inside get().
    /// `timeout` is that of the exchange, and of the resolution of the address before it. A failure is a reply with status 0.
    Ticket get(std::string path_and_query, milliseconds timeout, std::function<void(polling::HttpReply)> done);
    /// `done` is not called any more. No effect if the request has ended, and for 0. A sent blocking query stays at the agent until its
    /// wait ends.
    void cancel(Ticket ticket);
    /// New addresses, token and TLS files; requests that were sent are not interrupted, those not sent yet fail.
    void adopt(const conf::ConsulHttpOptions& options);
    /// The address in use, as configured; empty if there is none.
    std::string current() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace lictor::http
