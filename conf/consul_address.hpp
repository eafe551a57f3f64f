// Where Consul is: the forms that every Consul tool takes for an HTTP address, and what follows from CONSUL_HTTP_ADDR, from the hint
// that a dnsmasq file holds (`server=/consul/IP#PORT`: HTTP at IP:8500, DNS at IP#PORT) and from the defaults.
#pragma once

#include <string>
#include <string_view>

#include "conf/base/result.hpp"
#include "conf/options.hpp"

namespace lictor {

/// `host`, `host:port`, `[v6]:port`, `http://…`, `https://…` with an optional path prefix, or `unix:///path`. `tls` (CONSUL_HTTP_SSL)
/// makes https of everything but a socket. A host without a port gets 8500, with https 8501.
Result<ConsulAddress> parse_consul_address(std::string_view text, bool tls);
std::string text_of(const ConsulAddress& address);

/// What was said about Consul besides the options' own values.
struct ConsulGiven {
    bool address = false;  ///< by option or variable, `off` included
    bool off = false;      ///< an empty consul-http-addr
    bool dns = false;      ///< consul-dns, empty included
    bool tls = false;      ///< CONSUL_HTTP_SSL
};

/// Fills consul_http_addr and consul_dns where nothing was given, and takes the hint lines out of `server` when Consul is on.
void settle_consul(Options& options, const ConsulGiven& given);

}  // namespace lictor
