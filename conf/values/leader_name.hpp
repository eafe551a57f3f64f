// Under which service name does Patroni register a scope in Consul, and where are its keys?
#pragma once

#include <string>

#include "conf/values/consul_rules.hpp"

namespace lictor::conf {

/// Patroni's service name for a scope (UTF-8): lower case; `.`, `_` and space become `-`; other code points become `u` and at least four
/// decimal digits. At most 230 bytes.
std::string patroni_service_name(const std::string& scope);
/// The Consul service of a `leader` line for a Patroni scope, lower case: `service`, else Patroni's name for the scope.
std::string service_of(const LeaderRule& rule);
/// What is read of a `leader` line: `<namespace>/<scope>/`, or the key of a plain lock.
std::string keys_of(const LeaderRule& rule);

}  // namespace lictor::conf
