// The stats endpoint: HTTP through libmicrohttpd on the control loop. It is bound to loopback unless another address is configured; Host
// headers that are not accepted are refused (DNS rebinding); only POST with the header `X-Lictor: 1` changes anything. A slow client never
// blocks the loop. Used on the control thread only.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "conf/base/result.hpp"
#include "resolver/documents/routes.hpp"
#include "resolver/documents/status.hpp"
#include "resolver/failover/event_ring.hpp"
#include "watch/loop/loop.hpp"

namespace lictor::endpoint {

/// At most 32 connections, 8 of them clients of /events. A request with its reply may take 5 s; then the connection is closed. At the bound
/// the connection with the earliest deadline gives way to a new one.
class StatsServer {
public:
    /// Called on the loop, for a request.
    struct Hooks {
        std::function<documents::Status()> status;  ///< the state to report
        /// POST /flush; without `name` all entries. `done` is called once, later than 5 s after a request without effect.
        std::function<void(std::optional<wire::Name> name, documents::Flushed done)> flush;
        std::function<void(wire::Name name, std::uint16_t type, documents::Explained done)> explain;  ///< /explain, in the same way
        std::function<documents::Reloaded()> reload;                                                  ///< POST /reload
        /// What a client of /events missed is read from it. Must outlive the server; null: no events.
        const failover::EventRing* events = nullptr;
    };
    /// Binds now, before privileges are dropped. `address`: `host:port`, `[v6]:port` or `unix:///path`. `hosts`: names accepted in the Host
    /// header beside addresses and localhost. Accepts nothing before `start`. `counters` must outlive the server. The error is that of
    /// StatsListener.
    static Result<std::unique_ptr<StatsServer>> open(const std::string& address, const std::vector<std::string>& hosts,
                                                     metrics::ControlCounters& counters);
    ~StatsServer();

    /// Serves on the loop until the destructor. Call once. An error if libmicrohttpd cannot be started or its descriptor cannot be watched.
    Result<bool> start(loop::Loop& loop, Hooks hooks);
    /// Sends an event, in the format of EventRing, to all clients of /events. Does nothing before `start`. `text` is copied.
    void send_event(std::string_view text);
    /// `host:port` with the real port, or the socket's path.
    std::string address() const;
    /// This machine did not have the address at `open`; it is served when it comes.
    bool address_absent() const;

private:
    StatsServer();
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace lictor::endpoint
