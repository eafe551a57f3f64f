// Which parts of an upstream's answer are removed or replaced? Replies with addresses of bogus-nxdomain or ignore-address, private
// addresses (DNS rebinding), record types, and addresses that `alias` translates. Made once for each Rules.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "conf/options/options_fwd.hpp"
#include "conf/values/record_rules.hpp"
#include "resolver/wire/name.hpp"

namespace lictor::rules {

/// Immutable; shared by the workers through the Rules.
struct Filters {
    std::vector<conf::Network> bogus;    ///< bogus-nxdomain: a reply that holds one becomes NXDOMAIN
    std::vector<conf::Network> ignored;  ///< ignore-address: a reply that holds one is dropped
    bool rebind = false;                 ///< stop-dns-rebind
    bool rebind_localhost_ok = false;
    std::vector<wire::Name> rebind_ok;  ///< domains without that check, including Consul's
    std::vector<std::uint16_t> types;   ///< filter-rr and the like; `any`: answers to ANY keep a few types only
    std::vector<conf::AddressTranslation> translations;

    /// True if records of `type` are removed from the answer to a query of type `asked`.
    bool filters_type(std::uint16_t type, std::uint16_t asked) const;
    /// True if private addresses are refused for this name.
    bool checks_rebind(const wire::Name& lower) const;
    /// The address after the first `alias` line that applies; unchanged if none does.
    Address translated(const Address& address) const;
};

/// Null if no option sets a filter. Lines for the log are appended to `notes`.
std::shared_ptr<const Filters> make_filters(const conf::Options& options, std::vector<std::string>& notes);

/// True if one of the networks contains the address; false for an empty list.
bool within_any(const std::vector<conf::Network>& networks, const Address& address);
/// True for the addresses that dnsmasq's stop-dns-rebind refuses: RFC 1918, 3927, 5737, 3849, 255.255.255.255, fd00::/8, fe80::/10,
/// fec0::/10; and 0/8, 127/8, ::1 and :: unless `localhost_ok`. An IPv4-mapped address is not unwrapped: the caller does that.
bool is_private(const Address& address, bool localhost_ok);

}  // namespace lictor::rules
