// Parses an HTTP address of Consul in all forms that Consul's tools accept, and determines the addresses that are not configured. A line
// `server=/consul/IP#PORT` in a dnsmasq file is a hint: HTTP at IP:8500, DNS at IP#PORT. Without a hint the defaults are used.
#pragma once

#include <string>
#include <string_view>

#include "conf/base/result.hpp"
#include "conf/options/options_fwd.hpp"
#include "conf/values/consul_rules.hpp"
#include "conf/values/server_rules.hpp"

namespace lictor::conf {

/// `host`, `host:port`, `[v6]:port`, `http://…` or `https://…`, each with an optional path prefix, or `unix:///path`. If `tls` is true
/// (CONSUL_HTTP_SSL), https is used for all forms except `unix:///path`, even for `http://…`. The default port is 8500, with https 8501. An
/// error says what is wrong and what to write instead. A user or a password in the address is an error.
Result<ConsulAddress> parse_consul_address(std::string_view text, bool tls);
/// The URL, or `unix:///path`. parse_consul_address makes the same URL from it.
std::string text_of(const ConsulAddress& address);
/// Of the addresses, the one that follows from a hint at this server; the first one if they were given otherwise. Empty without addresses.
std::string http_url_at(const ServerPlace& place, const std::vector<ConsulAddress>& addresses);

/// Which settings about Consul were given. The values of the options do not show it.
struct ConsulGiven {
    bool address = false;  ///< consul-http-addr or CONSUL_HTTP_ADDR was given, even if empty
    bool off = false;      ///< consul-http-addr or CONSUL_HTTP_ADDR was given with the empty value
    bool dns = false;      ///< consul-dns was given, even if empty
    bool tls = false;      ///< the value of CONSUL_HTTP_SSL
    bool other = false;    ///< any other option about Consul or leaders was given
};

/// The first domain of a `server` line for a name inside a Consul domain (`web.service.consul`) that goes to a server which no line shows
/// as an agent: not on port 8600, and not of a line for the whole domain. lictor asks it, and does not answer from memory. Empty if there
/// is none.
std::string forwarded_consul_domain(const Options& options, const ServerRule& rule);

/// True if no address and no other setting about Consul was given: an agent on this machine is only assumed.
bool is_consul_assumed(const Options& options);

/// Sets consul_http_addr and consul_dns if they were not given: from the hints in `server`, else 127.0.0.1 with ports 8500 and 8600; and
/// consul_domain, if the only hints are lines for other domains of one label (`server=/lon/IP#8600`). Then removes from `server` the
/// domains that are answered from the catalog. No effect if `given.off`.
void complete_consul_addresses(Options& options, const ConsulGiven& given);

}  // namespace lictor::conf
