// The stats endpoint: HTTP through libmicrohttpd on the control loop, loopback only unless told, foreign Host headers refused (DNS
// rebinding), state changed only by POST with the header `X-Lictor: 1`. A slow reader never holds up the loop.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "conf/base/result.hpp"
#include "resolver/core/event_ring.hpp"
#include "resolver/status.hpp"
#include "watch/loop/loop.hpp"

namespace lictor {

class StatsServer {
public:
    struct Hooks {
        std::function<Status()> status;
        /// `name` empty: everything.
        std::function<void(std::optional<Name> name)> flush;
        const EventRing* events = nullptr;
    };
    /// Binds at once (before the user is dropped). `address`: `host:port`, `[v6]:port` or `unix:///path`. `hosts`: further Host names accepted.
    static Result<std::unique_ptr<StatsServer>> open(const std::string& address, const std::vector<std::string>& hosts, ControlCounters& counters);
    ~StatsServer();

    /// Starts to serve on the loop.
    Result<bool> start(Loop& loop, Hooks hooks);
    /// An event, as the ring gives it, to everybody who listens.
    void send_event(std::string_view text);
    /// `host:port` with the real port, or the socket's path.
    std::string address() const;

private:
    StatsServer();
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace lictor
