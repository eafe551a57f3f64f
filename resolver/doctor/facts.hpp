// What `lictor doctor` knows about the machine, the running lictor, the upstreams and Consul. The shell fills it; the checks read it. Pure.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "conf/base/address.hpp"

namespace lictor::doctor {

/// A process that has a socket at port 53.
struct Holder {
    Endpoint endpoint;
    std::int64_t process = 0;  ///< 0: not found out, because that takes root's rights
    std::string program;
};

/// One query to an upstream.
struct UpstreamFact {
    Endpoint endpoint;
    std::string from;  ///< where it is configured
    bool answered = false;
    double milliseconds = 0;
    std::string error;  ///< why there is no answer
    bool loop = false;  ///< the query came back to the running lictor
};

/// One request to Consul that needs a permission.
struct RightFact {
    std::string right;  ///< as in a policy: `key_prefix "service/"`
    std::string needed_for;
    bool granted = false;
    std::string error;
};

/// One scope, from the keys in Consul.
struct ScopeFact {
    std::string name;
    bool followed = false;  ///< the running lictor knows it
};

/// One leader: the lock, the tag in the catalog, and its REST API.
struct LeaderFact {
    std::string scope, lock_member;
    std::optional<std::string> tag_members;  ///< of the passing instances with a leader tag, comma-separated; nothing: not read
    std::string rest_url;
    bool rest_reachable = false;
    std::string rest_error;
};

/// Missing values: not found out.
struct Facts {
    std::optional<std::string> resolv_conf;  ///< the text of /etc/resolv.conf
    std::optional<std::string> nsswitch;     ///< the text of /etc/nsswitch.conf
    std::string resolv_link;                 ///< where it leads, if it is a symbolic link
    std::vector<Holder> holders;

    std::string stats_address;
    bool running = false;     ///< a lictor answers there
    std::string stats_error;  ///< why not
    nlohmann::json stats;     ///< the document /stats
    std::uint16_t port = 53;  ///< of lictor: the running one's, else the configured one

    std::vector<UpstreamFact> upstreams;

    bool consul_on = false;
    std::string consul_address;
    bool consul_reachable = false;
    std::string consul_error;
    std::string consul_version;
    bool consul_has_leader = true;
    std::vector<RightFact> rights;
    std::vector<std::string> hidden_services;  ///< services of which Consul hides instances from the token
    std::vector<std::string> configured_scopes, scopes_without_keys;
    std::vector<ScopeFact> scopes;
    std::vector<LeaderFact> leaders;
    std::optional<double> clock_offset_seconds;  ///< Consul's clock less this machine's

    bool may_bind = true;                       ///< this user may bind lictor's port
    std::uint64_t descriptors = 0;              ///< limit of open files; of the running lictor if its process is known
    std::optional<std::uint64_t> memory_bytes;  ///< limit of the cgroup
    std::vector<std::string> clients;           ///< programs on this machine that cache names: java, pgbouncer
};

}  // namespace lictor::doctor
