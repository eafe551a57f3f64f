// What is a valid name in a configuration (RFC 1035 §2.3.4: labels of 1 to 63 bytes, 255 in all)? The result is in lower case, without
// trailing dot; labels that are not ASCII become `xn--…`.
#pragma once

#include <string>
#include <string_view>

#include "conf/base/result.hpp"

namespace lictor::conf {

/// A domain of hosts: letters, digits, `-`, `_`.
Result<std::string> parse_domain(std::string_view text);
/// A name of a record. Its labels may contain any printable ASCII and blanks (service instance names, RFC 6763).
Result<std::string> parse_record_name(std::string_view text);

}  // namespace lictor::conf
