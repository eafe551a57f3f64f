// Names made from addresses and back (`synth-domain`): `prefix192-0-2-7.domain`, or `prefix7.domain` counted from the range's first
// address. Pure.
#pragma once

#include <optional>
#include <vector>

#include "conf/options.hpp"
#include "resolver/wire/name.hpp"

namespace lictor {

/// One `synth-domain`, ready to be compared with names.
struct MadeNames {
    SynthDomain rule;
    Name domain;      ///< lower case
};

/// The address that a name was made from.
std::optional<Address> address_of_made(const std::vector<MadeNames>& all, const Name& lower, bool v6);
/// The name made for an address.
std::optional<Name> made_name(const std::vector<MadeNames>& all, const Address& address);

}  // namespace lictor
