// Which ASCII name stands for one that is written in other letters? The form that is asked over the wire (RFC 5890 §2.3.2.1), made by
// libidn2 as Debian's dnsmasq makes it: IDNA 2008, non-transitional, so that `straße` is not `strasse`.
#pragma once

#include <string>
#include <string_view>

#include "conf/base/result.hpp"

namespace lictor {

/// `text` itself when it is ASCII, else each of its labels as `xn--…`. The text is UTF-8, whatever the locale.
Result<std::string> ascii_name(std::string_view text);

}  // namespace lictor
