// The values of options about Consul: a leader to follow, an address of the HTTP API, the consistency mode.
#pragma once

#include <cstdint>
#include <string>

namespace lictor::conf {

/// `leader=SCOPE[,namespace=N][,service=S][,port=P][,address=kv|service|node]`, or `NAME,key=PATH[,port=P][,address=node|kv]` for any lock
/// of Consul's.
struct LeaderRule {
    std::string scope;                   ///< Patroni's scope, verbatim; or the NAME of any Consul lock
    std::string name_space = "service";  ///< without slashes at either end
    std::string service;                 ///< Consul service; empty = Patroni's sanitised scope
    std::string key;                     ///< of any other Consul lock; empty for a Patroni scope
    std::uint16_t port = 0;              ///< 0 = the member's own
    /// Source of the address: the member key (or the value of the lock), the service registration, or the node.
    enum class Source { kv, service, node } source = Source::kv;
    bool operator==(const LeaderRule&) const = default;
};

/// `consul-http-addr`.
struct ConsulAddress {
    std::string url;        ///< `http://host:port[/prefix]` or `https://…`, no trailing slash; for a unix socket `http://localhost`
    std::string unix_path;  ///< socket path, empty for TCP
    bool assumed = false;   ///< the default address, not configured
    bool operator==(const ConsulAddress&) const = default;
};

enum class ConsulConsistency { stale, fresh, consistent };  ///< words: stale, default, consistent
/// `fixed`: improves on the agent; `strict`: answers as the version that the agent reports.
enum class ConsulCompat { fixed, strict };

}  // namespace lictor::conf
