// Small questions about texts that strangers wrote: lower case as Consul and DNS understand it, and whether a text can be a name at all.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace lictor {

/// ASCII only: names in Consul and DNS know no other case.
inline std::string lower_case(std::string_view text) {
    std::string lower(text);
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    return lower;
}

inline bool has_nul(std::string_view text) {
    return text.find('\0') != std::string_view::npos;
}

}  // namespace lictor
