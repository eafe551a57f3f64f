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
#include "watch/json/elements.hpp"

namespace lictor::json {

/// The entries of a long list by their texts, for the next reply. Immutable.
template <class T>
struct KeptEntries {
    std::vector<TextHash> hashes;
    std::vector<std::shared_ptr<const T>> values;  ///< null: an entry without a usable name
};
template <class T>
using Kept = std::shared_ptr<const KeptEntries<T>>;

/// How entries of the reply before are found again.
template <class T>
struct LastReply {
    std::uint64_t seed = 0;  ///< of the hashes; random, and the same for all replies of one watch
    Kept<T> kept = {};       ///< null: there was none
};

/// health/service/<name>.
struct ServiceBody {
    catalog::Instances instances;
    std::size_t skipped = 0;         ///< entries without a usable node or service name
    std::size_t read = 0;            ///< entries that were parsed; the others are those of the last reply
    Kept<catalog::Instance> kept{};  ///< for the next reply; null for a short one
    /// Of the instances; null from `parse_health_service`. The caller makes it, in the thread that parses.
    std::shared_ptr<const catalog::RecordTable> records{};
};
/// `null` is an empty list. The instances on one node share its record. In a long list, entries whose text did not change since the last
/// reply are not parsed: the result shares them.
Result<ServiceBody> parse_health_service(std::string_view body, const LastReply<catalog::Instance>& last = {});

/// catalog/nodes, in Consul's order; nodes without a usable name are left out. The other members are as in ServiceBody.
struct NodesBody {
    std::vector<std::shared_ptr<const catalog::NodeRecord>> nodes;
    std::size_t read = 0;
    Kept<catalog::NodeRecord> kept{};
};
Result<NodesBody> parse_catalog_nodes(std::string_view body, const LastReply<catalog::NodeRecord>& last = {});

/// kv/<key>?recurse of a plain lock. Other keys with this prefix are ignored. The body of a 404 must not be given: an empty one is an
/// Error.
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
