// Parses the bodies of Consul's HTTP API into facts. Unknown and missing fields are tolerated; nesting, count and length are limited. A
// body that cannot be parsed is an Error, and nothing of it is used. Nothing throws. Pure.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "conf/base/result.hpp"
#include "watch/catalog/catalog.hpp"

namespace lictor::json {

/// health/service/<name>.
struct ServiceBody {
    std::vector<catalog::Instance> instances;
    std::size_t skipped = 0;  ///< entries without a usable node or service name
};
/// `null` is an empty list. The instances on one node share its record.
Result<ServiceBody> parse_health_service(std::string_view body);

/// catalog/nodes, in Consul's order; nodes without a usable name are left out.
Result<std::vector<std::shared_ptr<const catalog::NodeRecord>>> parse_catalog_nodes(std::string_view body);

/// kv/<key>?recurse of a plain lock. Other keys with this prefix are ignored. An empty body (404) gives exists = false.
struct LockBody {
    bool exists = false;
    std::string session;  ///< empty = no session holds the lock
    std::string value;
    std::uint64_t lock_index = 0, modify_index = 0;
};
/// `key` without a slash in front. Also an Error: a value that is not base64, and the key twice.
Result<LockBody> parse_lock(std::string_view body, std::string_view key);

/// session/info/<id>: the session's node; empty if the session does not exist.
Result<std::string> parse_session_node(std::string_view body);
/// catalog/node/<name>: the node's address; empty if the node does not exist.
Result<std::string> parse_node_address(std::string_view body);
/// kv/<prefix>?keys: names of keys and, with a separator, of folders. An empty body (404) and `null` give no names.
Result<std::vector<std::string>> parse_key_names(std::string_view body);

/// Base64 of KV values (RFC 4648 §4); an Error for anything malformed.
Result<std::string> decode_base64(std::string_view text);

}  // namespace lictor::json
