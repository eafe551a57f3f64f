// Which addresses are lictor's own because questions are taken there, and which named interface is not there? Where questions are taken
// is said by interfaces.hpp.
#pragma once

#include <vector>

#include "conf/options.hpp"

namespace lictor {

/// Where lictor would ask itself: with a wildcard address every address of the machine is its own.
std::vector<Endpoint> own_endpoints(std::vector<Endpoint> listening);
/// Loopback is listened on in any case, so that a misspelt interface would not be noticed: it is said.
void say_missing_interfaces(const Options& options);

}  // namespace lictor
