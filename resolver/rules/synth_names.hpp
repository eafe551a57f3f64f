// Synthesized names (`synth-domain`): from an address to its name and back. The name is `prefix192-0-2-7.domain`, or with a counter
// `prefix7.domain`, counted from the first address of the range.
#pragma once

#include <optional>
#include <vector>

#include "conf/values/record_rules.hpp"
#include "resolver/wire/name.hpp"

namespace lictor::rules {

/// One `synth-domain` line.
struct SynthNames {
    conf::SynthDomain rule;
    wire::Name domain;  ///< lower case
};

/// The address of a synthesized name by the first line that fits; nothing if none does. `v6`: the family asked for.
std::optional<Address> synth_address(const std::vector<SynthNames>& all, const wire::Name& lower, bool v6);
/// The synthesized name of an address by the first line that fits; nothing if none does.
std::optional<wire::Name> synth_name(const std::vector<SynthNames>& all, const Address& address);

}  // namespace lictor::rules
