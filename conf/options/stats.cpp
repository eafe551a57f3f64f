// The options about observability: the stats endpoint and the comparison with another server. Each row has the texts of an option, and the
// functions that parse and print its value.
#include "conf/options/stats.hpp"

#include "conf/options/option_access.hpp"
#include "conf/values/shadow_value.hpp"

namespace lictor::conf {
namespace {

using namespace access;

Fault add_stats_host(StatsOptions& options, const Setting& setting) {
    const auto text = without_markers(setting.value);
    if (const auto address = Address::parse(text)) {
        options.stats_host.push_back(address->text());
        return std::nullopt;
    }
    const bool below = text.starts_with("*.");
    auto name = parse_domain(below ? text.substr(2) : text);
    if (!name) return name.error().text + " (write the name without scheme and port)";
    options.stats_host.push_back((below ? "*." : "") + *name);
    return std::nullopt;
}

Fault set_stats_address(StatsOptions& options, const Setting& setting) {
    if (auto fault = set_checked<&StatsOptions::stats_address, parse_stats_address>(options, setting)) return fault;
    const auto& text = options.stats_address;
    if (text.empty() || text.starts_with("unix:") || text.starts_with("localhost:")) return std::nullopt;
    const auto host = text.substr(0, text.rfind(':'));
    const auto address = Address::parse(host.starts_with('[') ? host.substr(1, host.size() - 2) : host);
    if (!address || !address->is_loopback())
        setting.notes.push_back("SECURITY: the stats endpoint has no authentication and is reachable from other machines at " + text);
    return std::nullopt;
}

constexpr Row rows[] = {
    {.name = "stats-address",
     .shape = Shape::emptiable,
     .own = true,
     .reload = Reload::restart,
     .argument = "<ip>:<port>",
     .help = "address of the stats endpoint; empty = off",
     .reference = "`HOST:PORT` with an IP address (IPv6 in brackets) or `unix:///path`. The endpoint serves JSON, Prometheus metrics and "
                  "health. An address that this machine does not have is a warning; lictor listens there when it comes. Empty: off.",
     .default_text = "127.0.0.1:9153",
     .sample = "127.0.0.1:9153",
     .field = field_with<&StatsOptions::stats_address, set_stats_address, get_emptiable<&StatsOptions::stats_address>>},
    {.name = "stats-host",
     .shape = Shape::value,
     .times = Times::repeatable,
     .own = true,
     .reload = Reload::restart,
     .argument = "<name>|*.<domain>",
     .help = "additional name in the Host header of stats requests",
     .reference =
         "Additional name that requests to the stats endpoint may have in the `Host` header, besides addresses and `localhost`. "
         "`*.example.org` stands for each name below example.org. If `stats-address` is not a loopback address, the names of this "
         "machine are accepted, too: its host name, its names in /etc/hosts, and its host name in the search domains of "
         "/etc/resolv.conf. Requests with other names are refused, so that a web page cannot reach the endpoint through a browser; "
         "the first of each name is logged.",
     .default_text = "none",
     .sample = "metrics.example.com",
     .field = field_with<&StatsOptions::stats_host, add_stats_host, get_texts<&StatsOptions::stats_host>>},
    {.name = "shadow",
     .shape = Shape::emptiable,
     .own = true,
     .argument = "log:<path>|<ip>[#<port>]",
     .help = "compare answers with those of another server",
     .reference = "Sends the same queries to lictor and to another server and counts the differences by kind; `/shadow` and `lictor "
                  "shadow` show them. `log:FILE[,IP[#PORT]]`: the queries come from the query log of a dnsmasq that serves at this "
                  "address (default 127.0.0.1), before a switch; lictor then needs another port. `IP[#PORT]`: the queries are a sample "
                  "of lictor's own, after the switch. At most 20 queries per second are sent. Empty: off.",
     .default_text = "off",
     .sample = "log:/var/log/dnsmasq.log,127.0.0.1#53",
     .field = checked<&StatsOptions::shadow, parse_shadow>},
};
static_assert(every_field_has_a_row<StatsOptions>(rows));

}  // namespace

const RowGroup stats_group{"Observability", rows};

}  // namespace lictor::conf
