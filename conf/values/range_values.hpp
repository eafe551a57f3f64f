// The grammar of dnsmasq's options about ranges of addresses: domains by network, synthesized names, filters of answers,
// replacement of addresses, client data sent to upstreams, reverse zones. Values come as `parse_line` gives them, since they are lists.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "conf/base/result.hpp"
#include "conf/values/record_rules.hpp"
#include "conf/values/server_rules.hpp"

namespace lictor::conf {

/// `ADDRESS[/BITS]`; bits after the prefix are kept. All `text_of`: the value in the syntax of its option.
Result<Network> parse_network(std::string_view value);
std::string text_of(const Network& network);
/// The first `bits` bits are equal, and the families too.
bool contains(const Network& network, const Address& address);

/// The value of `domain=`: the rule, and with `,local` the domains that are answered from local data only.
struct DomainValue {
    DomainRule rule;
    std::optional<ServerRule> local;
};
/// `#`, or `NAME` with one of `,ADDRESS/BITS[,local]`, `,FIRST[,LAST]` and `,INTERFACE`. As in dnsmasq an IPv6 network is at least a /64.
Result<DomainValue> parse_domain_rule(std::string_view value);
std::string text_of(const DomainRule& rule);

/// `DOMAIN,RANGE[,PREFIX[*]]`, RANGE as for `domain`. Error if prefix and address do not fit into one label (63 bytes), and for numbered
/// IPv6 names outside a network of /64 or smaller.
Result<SynthDomain> parse_synth_domain(std::string_view value);
std::string text_of(const SynthDomain& rule);

/// `OLD[-END],NEW[,MASK]`, IPv4 only. Error if the mask puts OLD and END into different networks.
Result<AddressTranslation> parse_translation(std::string_view value);
std::string text_of(const AddressTranslation& rule);

/// `[ADDRESS/]BITS[,[ADDRESS/]BITS]`, for IPv4 and IPv6 clients; empty gives the default.
Result<ClientSubnet> parse_client_subnet(std::string_view value);
std::string text_of(const ClientSubnet& subnet);

/// `FIRST[,TOTAL]` in milliseconds, FIRST at least 50; empty gives the default.
Result<FastRetry> parse_fast_retry(std::string_view value);
std::string text_of(const FastRetry& retry);

/// `rev-server=ADDRESS[/BITS][,UPSTREAM]`: as a server rule for the arpa domains of that network.
Result<ServerRule> parse_reverse_server(std::string_view value);
/// The arpa domains that cover a network exactly: up to 128 for IPv4 (RFC 1035 §3.5), 8 for IPv6 (RFC 3596 §2.5).
std::vector<std::string> reverse_domains(const Network& network);

/// `[/]DOMAIN[/DOMAIN…][/]`, at least one domain.
Result<std::vector<std::string>> parse_rebind_domains(std::string_view value);

}  // namespace lictor::conf
