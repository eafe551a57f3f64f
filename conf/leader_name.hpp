// Under which service name does Patroni register a scope in Consul?
#pragma once

#include <string>

#include "conf/options.hpp"

namespace lictor {

/// Patroni's service name for a scope: lower case; `.`, `_` and space become `-`; other odd characters `uNNNN`.
std::string patroni_service_name(const std::string& scope);
/// The service whose leader a `leader` line of a Patroni scope is about, lower case.
std::string service_of(const LeaderRule& rule);

}  // namespace lictor
