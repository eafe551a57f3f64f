// How a piece of a configuration stands in a message about it: between quotes, printable, and not longer than a line bears.
#pragma once

#include <string>
#include <string_view>

#include "conf/log.hpp"

namespace lictor {

inline std::string shown(std::string_view text, std::size_t bytes_max = 100) { return '\'' + log::printable(text, bytes_max) + '\''; }

}  // namespace lictor
