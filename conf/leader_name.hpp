// Under which service name does Patroni register a scope in Consul?
#pragma once

#include <string>

namespace lictor {

/// Patroni's service name for a scope: lower case; `.`, `_` and space become `-`; other odd characters `uNNNN`.
std::string patroni_service_name(const std::string& scope);

}  // namespace lictor
