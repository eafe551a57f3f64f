// What is the ASCII form (A-label, RFC 5890 §2.3.2.1) of a name with other letters? libidn2 converts it, as in Debian's dnsmasq: IDNA 2008,
// non-transitional, so that `straße` is not `strasse`.
#pragma once

#include <string>
#include <string_view>

#include "conf/base/result.hpp"

namespace lictor::conf {

/// `text` itself if it is ASCII, else with each non-ASCII label as `xn--…`. The text is UTF-8 in any locale. Error: not UTF-8,
/// more than 1024 bytes, or not a name of IDNA 2008. The length of labels is not checked for ASCII.
Result<std::string> ascii_name(std::string_view text);

}  // namespace lictor::conf
