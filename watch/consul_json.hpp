// Bodies of Consul's HTTP API into facts. Tolerant of unknown and missing fields, never throws out, bounded in depth, count and length;
// a body that is not what it should be is an Error and changes nothing. The only place (besides the stats pages) that reads JSON.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "conf/base/result.hpp"
#include "watch/catalog.hpp"
#include "watch/leader.hpp"

namespace lictor {

/// health/service/<name>. Entries that cannot be used are skipped and counted in `skipped`.
struct ServiceBody {
    std::vector<Instance> instances;
    std::size_t skipped = 0;
};
Result<ServiceBody> parse_health_service(std::string_view body);

/// catalog/nodes.
Result<std::vector<std::shared_ptr<const NodeRecord>>> parse_catalog_nodes(std::string_view body);

/// kv/<prefix>?recurse, Patroni's layout below `prefix` (`<namespace>/<scope>/`). An empty body (404) gives facts with exists = false.
Result<ScopeFacts> parse_patroni_scope(std::string_view body, std::string_view prefix);

/// kv/<key>?recurse of a plain Consul lock: who holds it; other keys that begin alike are passed over. The session's node is looked up by
/// the caller.
struct LockBody {
    bool exists = false;
    std::string session, value;
    std::uint64_t lock_index = 0, modify_index = 0;
};
Result<LockBody> parse_lock(std::string_view body, std::string_view key);

/// session/info/<id>: the session's node; empty if there is no such session.
Result<std::string> parse_session_node(std::string_view body);
/// catalog/node/<name>: the node's address; empty if there is no such node.
Result<std::string> parse_node_address(std::string_view body);
/// kv/<prefix>?keys: names of keys (and, with a separator, of folders).
Result<std::vector<std::string>> parse_key_names(std::string_view body);

/// agent/self: fills in what the agent tells; fields it does not tell stay as they are in `base`.
Result<ConsulSettings> parse_agent_self(std::string_view body, const ConsulSettings& base);

/// Consul's base64 of KV values; refuses anything malformed.
Result<std::string> decode_base64(std::string_view text);

}  // namespace lictor
