// The grammar of single values: dnsmasq's `server`, `address`, `host-record` and `cname`, lictor's `leader`, addresses of
// servers. Names are read in name_values.hpp, ranges of addresses in range_values.hpp, records in record_values.hpp. An error contains
// the remedy; text_of prints a value so that it parses to the same value.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "conf/base/result.hpp"
#include "conf/values/consul_rules.hpp"
#include "conf/values/name_values.hpp"
#include "conf/values/server_rules.hpp"

namespace lictor::conf {

/// `IP[#PORT]`, the port not 0. The error for a `:PORT`, a host name or a list contains the correct form.
Result<Endpoint> parse_endpoint(std::string_view text, std::uint16_t default_port);
/// Like `parse_endpoint`, but the address may also be a host name.
Result<ServerPlace> parse_server_place(std::string_view text, std::uint16_t default_port);
/// An IP address as `Address::parse` reads it; the error for a zone, brackets or a port contains the correct form.
Result<Address> parse_address(std::string_view text);
/// An interface name, up to 15 bytes; `*` may end it.
Result<std::string> parse_interface(std::string_view text);

/// `[/[domain]/…/][ip[#port]][@interface][@source-ip[#port]]`, for `server` and `local` alike; `host` in place of `ip` is accepted, and the
/// default port is 53.
Result<ServerRule> parse_server_rule(std::string_view text);
/// All text_of: the value on one line, in the syntax of its option.
std::string text_of(const ServerRule& rule);

/// `/domain[/domain…]/[ip|#]`; without an address NXDOMAIN. A bare address is for every name.
Result<AddressRule> parse_address_rule(std::string_view text);
std::string text_of(const AddressRule& rule);

/// parse_host_record, parse_cname and parse_leader: `value` as `parse_line` gives it, since these are lists. The forms are at the structs;
/// a TTL is in seconds, at most 2147483647.
Result<HostRecord> parse_host_record(std::string_view value);
std::string text_of(const HostRecord& record);
Result<CnameRule> parse_cname(std::string_view value);
std::string text_of(const CnameRule& rule);
Result<LeaderRule> parse_leader(std::string_view value);
std::string text_of(const LeaderRule& rule);

/// `host:port` with an IP address (IPv6 in brackets) or `localhost`, or `unix:///path`, or empty; returned as given.
Result<std::string> parse_stats_address(std::string_view text);
/// An absolute path, at most 4095 bytes, without arguments.
Result<std::string> parse_absolute_path(std::string_view text);
/// Empty, `-`, a text with a slash, or the name of a syslog facility, which becomes lower case.
Result<std::string> parse_log_facility(std::string_view text);

}  // namespace lictor::conf
