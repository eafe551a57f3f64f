// The options that define the upstreams. Each row has the texts of an option, and the functions that parse and print its value.
#include "conf/options/upstream.hpp"

#include "conf/options/option_access.hpp"

namespace lictor::conf {
namespace {

using namespace access;

Fault set_resolv_file(UpstreamOptions& options, const Setting& setting) {
    // As in dnsmasq, an empty path switches reading resolv.conf off.
    if (setting.value.empty()) {
        options.no_resolv = true;
        return std::nullopt;
    }
    return add_text<&UpstreamOptions::resolv_file>(options, setting);
}

Fault add_reverse_server(UpstreamOptions& options, const Setting& setting) {
    auto rule = parse_reverse_server(setting.value);
    if (!rule) return rule.error().text;
    options.server.push_back(*std::move(rule));
    return std::nullopt;
}

Fault add_server(UpstreamOptions& options, const Setting& setting) {
    auto rule = parse_server_rule(without_markers(setting.value));
    if (!rule) return rule.error().text;
    if (rule->standard && rule->domains.empty())
        setting.notes.push_back("every name uses the standard upstreams by default: the line is ignored");
    else options.server.push_back(*std::move(rule));
    return std::nullopt;
}

constexpr Row rows[] = {
    {.name = "server",
     .letter = 'S',
     .shape = Shape::value,
     .times = Times::repeatable,
     .argument = "[/<domain>/]<ip>[#<port>]",
     .help = "upstream for all names or for some domains",
     .reference =
         "`server=IP[#PORT]` adds an upstream for every name. `server=/DOMAIN/IP[#PORT]` adds one for the domain and all names below it; "
         "the longest matching domain decides. `@INTERFACE` and `@SOURCE-IP[#PORT]` may follow the address. `//` matches names without "
         "dots. An empty address means \"answer from local data only\", `#` means \"use the standard upstreams\". `/*DOMAIN/` matches "
         "every name with this ending, `/*.DOMAIN/` only names below the domain. The address may be a host name: lictor resolves it at run "
         "time, with /etc/hosts and the nameservers of /etc/resolv.conf, and follows changes of its address. A line for Consul's own "
         "domain (`server=/consul/127.0.0.1#8600`) gives the address of Consul: its HTTP API at port 8500 of that address, its DNS at the "
         "port given. Lines for deeper names (`server=/web.service.consul/…`) remain routes.",
     .default_text = "from resolv.conf",
     .sample = "/example.com/192.0.2.53#53",
     .field = field_with<&UpstreamOptions::server, add_server, get_quoted_rules<&UpstreamOptions::server>>},
    {.name = "local",
     .shape = Shape::value,
     .times = Times::repeatable,
     .argument = "/<domain>/",
     .help = "domain answered from local data only",
     .reference = "The same as `server=/DOMAIN/` without an address: queries for the domain and the names below it are answered from "
                  "local data or with NXDOMAIN and never forwarded.",
     .default_text = "none",
     .sample = "/internal.example/",
     .field = field_with<&UpstreamOptions::server, add_server, nothing_of<UpstreamOptions>>},
    {.name = "no-resolv",
     .letter = 'R',
     .times = Times::repeatable,
     .help = "do not read resolv.conf",
     .reference = "Does not read resolv.conf: only `server` lines add upstreams.",
     .default_text = "off",
     .field = flag<&UpstreamOptions::no_resolv>},
    {.name = "resolv-file",
     .letter = 'r',
     .shape = Shape::bare_or,
     .times = Times::repeatable,
     .argument = "<path>",
     .help = "file with nameserver lines, in place of /etc/resolv.conf",
     .reference = "Reads `nameserver` lines from this file instead of /etc/resolv.conf and follows its changes, also when it is a bind "
                  "mount. lictor's own addresses are skipped. Without this option, if /etc/resolv.conf names only lictor and the stub of "
                  "systemd-resolved (127.0.0.53), lictor reads the servers that systemd-resolved asks itself, "
                  "/run/systemd/resolve/resolv.conf. Empty: no file is read, as with `no-resolv`.",
     .default_text = "/etc/resolv.conf",
     .sample = "/etc/resolv.conf",
     .field = field_with<&UpstreamOptions::resolv_file, set_resolv_file, get_texts<&UpstreamOptions::resolv_file>>},
    {.name = "rev-server",
     .shape = Shape::value,
     .times = Times::repeatable,
     .argument = "<ip>[/<bits>],<ip>[#<port>]",
     .help = "upstream for the reverse names of a network",
     .reference = "The same as `server=/DOMAIN/IP` for the in-addr.arpa or ip6.arpa domains of a network. Without an upstream these names "
                  "are answered from local data only.",
     .default_text = "none",
     .sample = "192.0.2.0/24,192.0.2.53",
     .refuses_empty = true,
     .field = field_with<&UpstreamOptions::server, add_reverse_server, nothing_of<UpstreamOptions>>},
    {.name = "servers-file",
     .shape = Shape::value,
     .argument = "<path>",
     .help = "file of server= lines; changes are followed",
     .reference = "File with `server` and `rev-server` lines and nothing else. It is read again when it changes and on HUP. An invalid "
                  "line is logged and ignored.",
     .default_text = "none",
     .sample = "/etc/lictor/servers",
     .field = text<&UpstreamOptions::servers_file>},
    {.name = "no-poll",
     .letter = 'n',
     .times = Times::repeatable,
     .help = "read resolv.conf at the start and on HUP only",
     .reference = "Does not follow changes of resolv.conf. The file is read at the start and on HUP.",
     .default_text = "off",
     .field = flag<&UpstreamOptions::no_poll>},
    {.name = "dns-loop-detect",
     .times = Times::repeatable,
     .help = "detect upstreams that forward back to lictor",
     .reference =
         "Sends each upstream a query for a unique name. If that query comes back to lictor, the upstream forwards to "
         "lictor and is no longer used, which the log and `/ready` name. Upstreams at port 53 of a loopback address that are asked "
         "for all names (systemd-resolved's stub, a container engine's resolver) are tested without this option, too. The test is "
         "repeated when resolv.conf changes and at a reload.",
     .default_text = "off",
     .field = flag<&UpstreamOptions::dns_loop_detect>},
};
static_assert(every_field_has_a_row<UpstreamOptions>(rows));

}  // namespace

const RowGroup upstream_group{"Upstreams", rows};

}  // namespace lictor::conf
