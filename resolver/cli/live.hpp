// `lictor stats --watch`: the statistics again and again, on a terminal in place.
#pragma once

#include <string>

#include "conf/base/clock.hpp"

namespace lictor::cli {

/// On a terminal the screen is drawn anew at each interval; `q` or Ctrl-C ends it, and the terminal is as before. Elsewhere one block of
/// lines is printed at each interval, until the reader is gone or a signal comes. Gives 0, or 2 if there was no first reply.
int show_live(const std::string& address, seconds interval);

}  // namespace lictor::cli
