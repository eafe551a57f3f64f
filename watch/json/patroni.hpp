// Parses Patroni's keys in Consul's KV into the facts of a scope. Pure.
#pragma once

#include <string_view>

#include "conf/base/result.hpp"
#include "watch/catalog/leader_facts.hpp"

namespace lictor::json {

/// kv/<prefix>?recurse with `prefix` = `<namespace>/<scope>/`. An empty body (404) gives exists = false. A key that
/// cannot be read counts as absent, but a value that is not base64 makes the body an Error. The caller sets `index` and `denied`.
Result<catalog::ScopeFacts> parse_patroni_scope(std::string_view body, std::string_view prefix);

}  // namespace lictor::json
