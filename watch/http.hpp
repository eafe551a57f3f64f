// HTTP towards Consul: libcurl's multi interface on the libuv loop, one exchange at a time per object handed out. Knows addresses, TLS,
// tokens, fail-over between several Consul addresses and limits of size and time; knows nothing of blocking queries.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "conf/base/random.hpp"
#include "conf/metrics.hpp"
#include "conf/options.hpp"
#include "watch/loop/loop.hpp"

namespace lictor {

struct HttpReply {
    int status = 0;                 ///< 0 = transport error, `error` says which
    std::string body;               ///< at most 32 MiB, else a transport error
    std::string error;
    bool unreachable = false;       ///< transport error before the request was sent: refused, no route, no TLS, no address
    std::uint64_t index = 0;        ///< X-Consul-Index
    bool has_index = false;
    bool known_leader = true;       ///< X-Consul-Knownleader, true if absent
    std::uint64_t last_contact_ms = 0;
    bool filtered_by_acl = false, streaming = false, translate_addresses = false;
    milliseconds retry_after{0};
    std::string content_type;
    std::size_t address = 0;        ///< which Consul address answered
    Now last_byte{};                ///< when the last byte came
};

class Http {
public:
    /// Finds addresses for a host name that stands in consul-http-addr (never libc: that would ask lictor itself). The callback may
    /// come at once or later; no addresses = could not be resolved.
    using Resolve = std::function<void(const std::string& host, std::function<void(std::vector<Address>)>)>;
    Http(Loop& loop, const Options& options, ControlCounters& counters, Resolve resolve);
    ~Http();

    using Ticket = std::uint64_t;   ///< 0 = none
    /// GET `path_and_query` (starting with `/v1/`). `done` is called exactly once from the loop unless cancelled; never from inside get().
    Ticket get(std::string path_and_query, milliseconds timeout, std::function<void(HttpReply)> done);
    void cancel(Ticket ticket);
    /// Takes over new addresses, token, TLS files; exchanges under way go on.
    void adopt(const Options& options);
    /// The address in use, for people.
    std::string current() const;
    std::size_t in_flight() const;
    /// Connections opened so far.
    std::uint64_t connections() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace lictor
