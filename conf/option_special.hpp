// Setters and getters of the options that are like no other: words instead of numbers, values with a side effect or a warning.
#pragma once

#include "conf/option_access.hpp"

namespace lictor::access {

Fault set_port(const Setting& setting);
Texts get_listen_address(const Options& options);
Fault set_resolv_file(const Setting& setting);
Fault set_min_cache_ttl(const Setting& setting);

Fault add_consul_http_addr(const Setting& setting);
Texts get_consul_http_addr(const Options& options);
Fault set_consul_dns(const Setting& setting);
Texts get_consul_dns(const Options& options);
Fault set_consul_tls(const Setting& setting);
Fault set_consul_tls_verify(const Setting& setting);
Texts get_consul_tls_verify(const Options& options);
Fault add_consul_domain(const Setting& setting);
Fault set_consul_consistency(const Setting& setting);
Texts get_consul_consistency(const Options& options);
Fault set_consul_only_passing(const Setting& setting);
Texts get_consul_only_passing(const Options& options);
Fault set_leader_probe(const Setting& setting);
Texts get_leader_probe(const Options& options);
Fault set_consul_dns_compat(const Setting& setting);
Texts get_consul_dns_compat(const Options& options);
Fault set_consul_watch_max(const Setting& setting);
Fault add_stats_host(const Setting& setting);
Fault set_stats_address(const Setting& setting);
Fault nothing(const Setting& setting);
Texts nothing_of(const Options& options);

}  // namespace lictor::access
