// What of an upstream's answer an operator does not want: addresses that mean "no such name" or nothing at all, private addresses from
// outside (DNS rebinding), record types, and addresses that are to be replaced. Pure; made once for each configuration.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "conf/options.hpp"
#include "resolver/wire/name.hpp"

namespace lictor {

struct Filters {
    std::vector<Network> bogus;          ///< bogus-nxdomain: an answer that holds one is NXDOMAIN
    std::vector<Network> ignored;        ///< ignore-address: a reply that holds one is as if never sent
    bool rebind = false;                 ///< stop-dns-rebind
    bool rebind_localhost_ok = false;
    std::vector<Name> rebind_ok;         ///< domains exempt from it, Consul's among them
    std::vector<std::uint16_t> types;    ///< records left out; `any` cuts answers to ANY questions down
    std::vector<AddressTranslation> translations;

    bool filters_type(std::uint16_t type, std::uint16_t asked) const;
    bool checks_rebind(const Name& lower) const;
    Address translated(const Address& address) const;
};

/// Nothing if the options ask for none of it.
std::shared_ptr<const Filters> make_filters(const Options& options, std::vector<std::string>& notes);

bool within_any(const std::vector<Network>& networks, const Address& address);
/// Addresses that no upstream has business to give out (RFC 1918, 3927, 4193, 4291, 5737, 3849, and 0/8, 127/8, ::1, :: unless `localhost_ok`).
bool is_private(const Address& address, bool localhost_ok);

}  // namespace lictor
