// The grammar of single values: dnsmasq's `server`, `address`, `host-record` and `cname`, lictor's `leader`, addresses and places of
// servers. Names are read in name_values.hpp, ranges of addresses in range_values.hpp, records in record_values.hpp. Text to value with
// an error that names the remedy, and value back to text that parses to the same value.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "conf/base/result.hpp"
#include "conf/name_values.hpp"
#include "conf/options.hpp"

namespace lictor {

/// `IP[#PORT]`; a `:PORT`, a host name and a list are refused with what to write instead.
Result<Endpoint> parse_endpoint(std::string_view text, std::uint16_t default_port);
/// The same, or a host name in the address' place.
Result<ServerPlace> parse_server_place(std::string_view text, std::uint16_t default_port);
Result<Address> parse_address(std::string_view text);
/// An interface name, up to 15 bytes; `*` may end it.
Result<std::string> parse_interface(std::string_view text);

/// `[/[domain]/…/][ip[#port]][@interface][@source-ip[#port]]`, for `server` and `local` alike.
Result<ServerRule> parse_server_rule(std::string_view text);
std::string text_of(const ServerRule& rule);

/// `/domain[/domain…]/[ip|#]`.
Result<AddressRule> parse_address_rule(std::string_view text);
std::string text_of(const AddressRule& rule);

/// `value` as `parse_line` gives it, since these are lists.
Result<HostRecord> parse_host_record(std::string_view value);
std::string text_of(const HostRecord& record);
Result<CnameRule> parse_cname(std::string_view value);
std::string text_of(const CnameRule& rule);
Result<LeaderRule> parse_leader(std::string_view value);
std::string text_of(const LeaderRule& rule);

/// `host:port` with an IP address (IPv6 in brackets) or `localhost`, or `unix:///path`; returned as given.
Result<std::string> parse_stats_address(std::string_view text);
/// A path from the root; a program's stands without arguments.
Result<std::string> parse_absolute_path(std::string_view text);
/// Empty, `-`, a path, or the name of a syslog facility.
Result<std::string> parse_log_facility(std::string_view text);

}  // namespace lictor
