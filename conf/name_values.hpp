// What is a name in a configuration (RFC 1035 §2.3.4: labels of 1 to 63 bytes, 255 in all)? Lower case, no trailing dot; letters that are
// not ASCII's become `xn--…`.
#pragma once

#include <string>
#include <string_view>

#include "conf/base/result.hpp"

namespace lictor {

/// A domain of hosts: letters, digits, `-`, `_`.
Result<std::string> parse_domain(std::string_view text);
/// A name that a record may have: any printable ASCII in the labels, for names of services have blanks.
Result<std::string> parse_record_name(std::string_view text);

}  // namespace lictor
