// Small questions about texts that strangers wrote: whether a text can be a name at all. Lower case is line_syntax's.
#pragma once

#include <string_view>

#include "conf/line_syntax.hpp"

namespace lictor {

inline bool has_nul(std::string_view text) {
    return text.find('\0') != std::string_view::npos;
}

}  // namespace lictor
