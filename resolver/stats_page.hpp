// The page at `/` of the stats endpoint: one HTML document with its style and script, which asks /stats and /services and shows what
// they say. Pure.
#pragma once

#include <string>
#include <string_view>

namespace lictor {

/// `nonce` marks the page's own style and script, so that the policy sent with it forbids all others.
std::string stats_page(std::string_view nonce);

}  // namespace lictor
