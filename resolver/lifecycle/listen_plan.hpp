// Which endpoints must lictor listen on, given the configuration and this machine's interface addresses? Pure; control/listen_endpoints
// binds them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "conf/options/options_fwd.hpp"
#include "resolver/rules/followed_files.hpp"

namespace lictor::lifecycle {

/// `pattern` is an interface name, or a prefix followed by `*` (as dnsmasq's interface=).
bool matches_interface(std::string_view pattern, std::string_view name);

/// The endpoints that `interface`, `except-interface` and `listen-address` choose; none with port=0. Without any of the three only loopback
/// addresses, unlike dnsmasq. Interfaces that are down are left out, and so are IPv6 link-local addresses, which need a scope (RFC 4007
/// §6). 127.0.0.1 if nothing else is left and neither `interface` nor `except-interface` decides.
std::vector<Endpoint> endpoints_to_serve(const conf::ListenOptions& options, const std::vector<rules::InterfaceAddress>& interfaces);

/// True if an absent address ends the start, as in dnsmasq: bind-interfaces without bind-dynamic.
bool requires_all_addresses(const conf::ListenOptions& options);

/// True if addresses that appear later must be listened on as well.
bool follows_interfaces(const conf::ListenOptions& options);

/// True if a port below 1024 may have to be bound after the start, which needs CAP_NET_BIND_SERVICE: the configuration chooses interfaces,
/// or not all of `listen-address` are in `listening`.
bool binds_later(const conf::ListenOptions& options, const std::vector<Endpoint>& listening);

/// `listening`, and where it holds a wildcard address, that port at every address that is up: a query sent there comes back to lictor.
std::vector<Endpoint> own_endpoints(std::vector<Endpoint> listening, const std::vector<rules::InterfaceAddress>& interfaces);

/// Names in `interface=` that match no interface that is up and has an address. A name with `*` counts only where all addresses are
/// required.
std::vector<std::string> missing_interfaces(const conf::ListenOptions& options, const std::vector<rules::InterfaceAddress>& interfaces);

/// Addresses of `listen-address` that are not in `listening`; none with port=0.
std::vector<Endpoint> missing_addresses(const conf::ListenOptions& options, const std::vector<Endpoint>& listening);

/// True if the list has exactly this address and port; a wildcard address matches only itself.
bool contains(const std::vector<Endpoint>& list, const Endpoint& endpoint);
/// Endpoints of `to_serve` that are not in `listening`, in order.
std::vector<Endpoint> endpoints_to_bind(const std::vector<Endpoint>& to_serve, const std::vector<Endpoint>& listening);

}  // namespace lictor::lifecycle
