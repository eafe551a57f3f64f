// The grammar of dnsmasq's options about ranges of addresses: domains by network, names made from addresses, filters of answers,
// rewriting of addresses, client data sent upstream, reverse zones. Values come as `parse_line` gives them, since they are lists.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "conf/base/result.hpp"
#include "conf/options.hpp"

namespace lictor {

/// `ADDRESS[/BITS]`.
Result<Network> parse_network(std::string_view value);
std::string text_of(const Network& network);
bool contains(const Network& network, const Address& address);

/// What `domain=` says: the rule, and the domains that become local with `,local`.
struct DomainValue {
    DomainRule rule;
    std::optional<ServerRule> local;
};
Result<DomainValue> parse_domain_rule(std::string_view value);
std::string text_of(const DomainRule& rule);

Result<SynthDomain> parse_synth_domain(std::string_view value);
std::string text_of(const SynthDomain& rule);

Result<AddressTranslation> parse_translation(std::string_view value);
std::string text_of(const AddressTranslation& rule);

Result<ClientSubnet> parse_client_subnet(std::string_view value);
std::string text_of(const ClientSubnet& subnet);

Result<FastRetry> parse_fast_retry(std::string_view value);
std::string text_of(const FastRetry& retry);

/// `rev-server=ADDRESS[/BITS][,UPSTREAM]`: as a server rule for the arpa domains of that network.
Result<ServerRule> parse_reverse_server(std::string_view value);
/// The arpa domains that cover a network exactly: up to 128 for IPv4, 8 for IPv6.
std::vector<std::string> reverse_domains(const Network& network);

/// `[/]DOMAIN[/DOMAIN…][/]`.
Result<std::vector<std::string>> parse_rebind_domains(std::string_view value);

}  // namespace lictor
