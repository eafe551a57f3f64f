// The value of `shadow`: the server that answers are compared with, and the source of the queries. `log:FILE[,IP[#PORT]]` follows the
// query log of a dnsmasq that serves at this address (default 127.0.0.1); `IP[#PORT]` sends a sample of lictor's own queries.
#pragma once

#include <string>
#include <string_view>

#include "conf/base/address.hpp"
#include "conf/base/result.hpp"

namespace lictor::conf {

/// The two forms of the value.
struct ShadowRule {
    std::string log_file;  ///< empty: lictor's own queries
    Endpoint other;        ///< the server whose answers are compared
};

/// The port is 53 if none is given. Error, with the remedy: a path that is not absolute, or a bad address; an empty value is one.
Result<ShadowRule> read_shadow(std::string_view text);
/// Checks the value and gives it unchanged; empty is off.
Result<std::string> parse_shadow(std::string_view text);

}  // namespace lictor::conf
