// The page at `/` of the stats endpoint: one HTML document with style and script, which reads /stats, /services and /failovers. Pure.
#pragma once

#include <string>
#include <string_view>

namespace lictor::documents {

/// `nonce` goes into the page's style and script elements; the Content-Security-Policy sent with it forbids all others.
std::string stats_page(std::string_view nonce);

}  // namespace lictor::documents
