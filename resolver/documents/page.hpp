// The page at `/` of the stats endpoint: one HTML document with style and script, which reads /stats, /history, /services and /failovers,
// and /events, which says when to read them again at once. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace lictor::documents {

/// `nonce` goes into the page's style and script elements; the Content-Security-Policy sent with it forbids all others.
/// `paths`: the documents to which the page has links, with a slash first.
std::string stats_page(std::string_view nonce, const std::vector<std::string_view>& paths);

}  // namespace lictor::documents
