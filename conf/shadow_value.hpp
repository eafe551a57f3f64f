// The value of `shadow`: with whom answers are compared, and where the questions come from. `log:FILE[,IP[#PORT]]` follows the query log of
// a dnsmasq (at 127.0.0.1 unless told) that still serves; `IP[#PORT]` takes samples of our own questions to one that no longer does.
#pragma once

#include <string>
#include <string_view>

#include "conf/base/address.hpp"
#include "conf/base/result.hpp"

namespace lictor {

struct ShadowRule {
    std::string log_file;   ///< empty: our own questions
    Endpoint other;
};

Result<ShadowRule> read_shadow(std::string_view text);
/// The same, checked only; empty is off.
Result<std::string> parse_shadow(std::string_view text);

}  // namespace lictor
