// Parses Patroni's keys in Consul's KV into the facts of a scope. Pure.
#pragma once

#include <string_view>

#include "conf/base/result.hpp"
#include "watch/catalog/leader_facts.hpp"

namespace lictor::json {

/// kv/<prefix>?recurse with `prefix` = `<namespace>/<scope>/`. The body of a 404 must not be given: an empty one is an
/// Error. A key that cannot be read counts as absent, but a value that is not a text in base64 makes the body an Error. The caller sets
/// `index` and `denied`.
Result<catalog::ScopeFacts> parse_patroni_scope(std::string_view body, std::string_view prefix);

}  // namespace lictor::json
