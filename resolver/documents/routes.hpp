// Which reply does a request to the stats endpoint get? The paths and their methods, the accepted Host headers (against foreign web pages
// that reach lictor by DNS rebinding), and the header that a change requires. endpoint/server does the HTTP. Pure.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "resolver/documents/status.hpp"
#include "resolver/failover/event_ring.hpp"
#include "resolver/wire/name.hpp"

namespace lictor::documents {

/// An HTTP request, already parsed. The views must be valid during `answer_stats_request`.
struct StatsRequest {
    std::string_view method, path;
    std::vector<std::string_view> host_headers;  ///< values of all Host headers
    bool http_1_0 = false;                       ///< HTTP/1.0: the Host header may be missing
    bool over_unix = false;                      ///< browsers cannot connect to a unix socket: any Host is accepted
    bool has_body = false;
    std::string_view lictor_header;  ///< value of X-Lictor
    std::vector<std::pair<std::string_view, std::string_view>> arguments;
    std::string_view last_event_id;  ///< value of Last-Event-ID
    std::string_view nonce;          ///< random, new for each request; for the page
};

/// An HTTP reply. `type` and `allow` are static.
struct StatsReply {
    unsigned code = 200;
    std::string_view type;  ///< Content-Type
    std::string body;
    std::string_view allow;  ///< Allow, with 405
    std::string policy;      ///< Content-Security-Policy, with the page
    bool endless = false;    ///< the connection stays open, events follow `body`
    /// Not empty: the reply is not known yet. To be called once, with a function that gets the reply, perhaps during the call.
    std::function<void(std::function<void(StatsReply)>)> later = {};
};

/// What the workers removed from their caches; nothing if one of them did not say so in time.
using Flushed = std::function<void(std::optional<std::size_t>)>;
/// The document of /explain; nothing if no worker answered in time.
using Explained = std::function<void(std::optional<std::string>)>;
/// The result of a reload.
struct Reloaded {
    std::vector<std::string> errors;  ///< empty: the configuration was read
    std::vector<std::string> warnings;
};

/// What a reply is made from. Holds references; used during one call.
struct StatsSources {
    const std::vector<std::string>& accepted_hosts;  ///< names that the Host header may have, besides addresses and localhost
    const std::function<Status()>& status;           ///< collects the present state; called only if the document needs it
    /// Removes cached replies at or below a lower-case name; nothing: all.
    const std::function<void(std::optional<wire::Name>, Flushed)>& flush;
    const std::function<void(wire::Name, std::uint16_t, Explained)>& explain;  ///< a name and a record type
    const std::function<Reloaded()>& reload;                                   ///< as HUP
    const failover::EventRing& events;
};

/// 503, for a client of /events above the bound.
StatsReply too_many_streams();
/// 503, for a request whose reply does not fit into memory-max.
StatsReply no_memory();
/// 503, for a request whose reply is still awaited when lictor ends.
StatsReply stopping();

/// The reply to a request: a document, or an error in JSON with the reason. Used on the control thread only.
StatsReply answer_stats_request(const StatsRequest& request, const StatsSources& sources);

/// True if a Host header (RFC 9110 §7.2) is accepted: an IP address, `localhost` or one of `names` (lower case; `*.example` stands for
/// each name below example), with or without a port.
bool host_is_accepted(std::string_view header, const std::vector<std::string>& names);

/// The names of this machine, in lower case: `host_name` (gethostname(2)), its first label, the names of /etc/hosts that begin with that
/// label and a dot, and the label in each search domain of resolv.conf. No look-up in the DNS: that would be a query to lictor itself.
std::vector<std::string> own_host_names(std::string_view host_name, std::string_view hosts, std::string_view resolv_conf);

}  // namespace lictor::documents
