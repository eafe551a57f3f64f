// What a request to the stats endpoint gets: which paths there are, which methods they take, whose Host header is believed (a name that
// is not ours may be a foreign page's, pointed at us by DNS rebinding), what a change of state must carry. Values in, a value out; the
// transport is stats_server's. Pure.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "resolver/core/event_ring.hpp"
#include "resolver/status.hpp"
#include "resolver/wire/name.hpp"

namespace lictor {

struct StatsRequest {
    std::string_view method, path;
    std::vector<std::string_view> hosts;  ///< values of all Host headers
    bool http_1_0 = false;                ///< may come without Host
    bool over_unix = false;               ///< no page of a browser comes this way: any Host is fine
    bool has_body = false;
    std::string_view lictor_header;       ///< value of X-Lictor
    std::vector<std::pair<std::string_view, std::string_view>> arguments;
    std::string_view last_event_id;       ///< value of Last-Event-ID
    std::string_view nonce;               ///< fresh and unpredictable, for the page
};

struct StatsReply {
    unsigned code = 200;
    std::string_view type;                ///< Content-Type
    std::string body;
    std::string_view allow;               ///< Allow, with 405
    std::string policy;                   ///< Content-Security-Policy, with the page
    bool endless = false;                 ///< the connection stays open, and events follow `body`
};

struct StatsSources {
    const std::vector<std::string>& hosts;  ///< names accepted besides addresses and localhost
    const std::function<Status()>& status;
    const std::function<void(std::optional<Name>)>& flush;
    const EventRing& events;
};

/// For a listener beyond the bound.
StatsReply too_many_listeners();

StatsReply answer_stats_request(const StatsRequest& request, const StatsSources& sources);

/// Whether a Host header (RFC 9110 §7.2) names us: an IP address, `localhost` or one of `names`, with or without a port.
bool host_is_ours(std::string_view header, const std::vector<std::string>& names);

}  // namespace lictor
