// The configuration of forwarding and local answers as one immutable value. The control thread makes it from options and followed files and
// publishes it to the workers within a View. Pure.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "conf/options/cache.hpp"
#include "conf/options/forward.hpp"
#include "conf/options/hold.hpp"
#include "conf/options/options_fwd.hpp"
#include "conf/options/reply.hpp"
#include "resolver/rules/filters.hpp"
#include "resolver/rules/followed_files.hpp"
#include "resolver/rules/local_data.hpp"
#include "resolver/rules/rules_fwd.hpp"
#include "resolver/rules/upstream.hpp"
#include "resolver/wire/name.hpp"

namespace lictor::rules {

/// A name whose SOA is answered here because aliases below it lead to leaders (conf::LeaderZone). All names are lower case.
struct AliasZone {
    wire::Name name;
    std::vector<wire::Name> targets;
};

/// The option groups that workers read unchanged, and values derived from all options and the followed files.
struct Rules : conf::ForwardOptions, conf::CacheOptions, conf::ReplyOptions, conf::HoldOptions {
    /// Derived from the members below; a short cut for most queries. `plain`: there is no route but the default one, and there are no
    /// wildcards, aliases, static records or synthesized names, so an address query needs only `local->names`, the cache and the default
    /// upstreams.
    bool plain = false, has_hosts = true;  ///< `has_hosts`: `local->names` is not empty

    std::vector<Upstream> upstreams;
    std::vector<Upstream> from_resolv;       ///< those of resolv.conf, or the last usable ones
    NameMap<UpstreamGroup> routes;           ///< by domain, lower case; the root is the default group
    NameMap<UpstreamGroup> starred_routes;   ///< server=/*d/…, by domain_key
    std::optional<UpstreamGroup> dotless;    ///< `server=//…`: names without dots
    std::optional<std::uint32_t> agent_dns;  ///< index of the agent's DNS in `upstreams`
    NameMap<bool> consul_reverse;            ///< arpa domains whose PTR queries go to Consul
    std::shared_ptr<const LocalData> local = std::make_shared<LocalData>();
    std::shared_ptr<const Filters> filters;  ///< null: nothing is filtered
    std::vector<wire::Name> flush_on_leader_change;
    std::vector<AliasZone> alias_zones;  ///< leader-soa

    std::uint16_t port_min = 1024, port_max = 65535;           ///< of random source ports
    std::size_t cache_bytes = 5'120'000;                       ///< largest size of one worker's cache, in bytes
    bool sample = false;                                       ///< shadow: samples of the clients' queries are compared
    std::vector<std::pair<wire::Name, Endpoint>> loop_probes;  ///< the name asked of each upstream that is tested for a loop
    std::vector<Endpoint> looping;                             ///< upstreams left out because they forward queries back to lictor
    bool local_service = false;                   ///< only clients on this machine and on networks of `interfaces` are answered
    std::vector<InterfaceAddress> interfaces;     ///< of this machine
    conf::QuerySelection log_only;                ///< with any kind, `log_queries` is false
    bool log_queries = false, log_extra = false;  ///< `log_extra`: each line starts with serial number and client
};

/// Options and files → Rules. `own`: the endpoints that lictor listens on, which are never used as upstreams. Lines for the log
/// (nameservers used or skipped, invalid lines of hosts files) are appended to `notes`. If the default resolv.conf names only lictor and
/// the stub of systemd-resolved, the servers of FollowedFiles::resolved are used. `before`: the rules in force; if resolv.conf names no
/// usable server any more, the ones that it named last are kept.
std::shared_ptr<const Rules> make_rules(const conf::Options& options, const FollowedFiles& files, const std::vector<Endpoint>& own,
                                        std::vector<std::string>& notes, const Rules* before = nullptr);

/// The largest size of one worker's cache in bytes, without regard to memory-max.
std::size_t cache_bytes_of(const conf::CacheOptions& options);

/// Host names of upstreams in `server`, servers-file and consul-dns, which the control thread resolves for FollowedFiles::servers_by_name.
std::vector<std::string> named_servers(const conf::Options& options, const FollowedFiles& files);

/// The route of names without a route of their own; null if there is none.
const UpstreamGroup* default_route(const Rules& rules);
/// The route for a lower-case name by the longest match; null if there is none. Owned by `rules`.
const UpstreamGroup* find_route(const Rules& rules, const wire::Name& lower);

}  // namespace lictor::rules
