// Where are questions taken, and which addresses are therefore lictor's own? Follows listen-address and interface; without either the
// loopback addresses.
#pragma once

#include <vector>

#include "conf/options.hpp"

namespace lictor {

std::vector<Endpoint> endpoints_of(const Options& options);
/// Where lictor would ask itself: with a wildcard address every address of the machine is its own.
std::vector<Endpoint> own_endpoints(std::vector<Endpoint> listening);
/// Loopback is listened on in any case, so that a misspelt interface would not be noticed: it is said.
void say_missing_interfaces(const Options& options);

}  // namespace lictor
