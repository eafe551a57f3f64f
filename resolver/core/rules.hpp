// What forwarding and local answers depend on, as one immutable value: made by the control thread from options and followed files,
// published to the workers within a View. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "conf/options.hpp"
#include "resolver/core/filters.hpp"
#include "resolver/core/made_names.hpp"
#include "resolver/wire/name.hpp"

namespace lictor {

struct NameHasher {
    std::size_t operator()(const Name& name) const { return static_cast<std::size_t>(NameHash{}(name)); }
};
template <class T>
using NameMap = std::unordered_map<Name, T, NameHasher>;

/// One upstream resolver.
struct Upstream {
    Endpoint endpoint;
    std::string interface;
    std::optional<Endpoint> source;
    bool agent_dns = false;   ///< the Consul agent's DNS: own time-out, replies never kept longer than their TTL
    bool operator==(const Upstream&) const = default;
};

/// Upstreams tried for some names, in the configured order.
struct UpstreamGroup {
    std::vector<std::uint32_t> members;   ///< indexes into Rules::upstreams
    bool local_only = false;              ///< `local=/d/`: NXDOMAIN or NODATA from local data, nothing is asked
};

/// Names made from hosts files, host-record, address, cname.
struct LocalName {
    std::vector<Address> addresses;
    std::uint32_t ttl = 0;
    std::uint16_t source = 0;             ///< index into LocalData::sources
};
struct LocalPointer {
    std::vector<Name> names;
    std::uint32_t ttl = 0;
    std::uint16_t source = 0;
};
struct LocalAlias {
    Name target;
    std::uint32_t ttl = 0;
};
struct LocalWildcard {                    ///< address=/d/…: d and all below
    std::vector<Address> addresses;
    bool null_v4 = false, null_v6 = false;   ///< `#`
    bool nxdomain = false;
};
/// A record that the configuration states (txt-record, srv-host, …).
struct StaticRecord {
    std::uint16_t type = 0;
    std::uint32_t ttl = 0;
    std::vector<std::uint8_t> data;       ///< wire form, names uncompressed
    Name target;                          ///< of MX and SRV: its addresses go along when they are ours
};
struct LocalData {
    std::vector<std::string> sources = {"config"};   ///< where names are from, as the query log says it: a hosts file's path, or this
    NameMap<LocalName> names;             ///< lower case
    NameMap<LocalAlias> aliases;
    NameMap<LocalWildcard> wildcards;
    NameMap<LocalWildcard> starred;       ///< address=/*d/…, by domain_key
    std::optional<LocalWildcard> dotless; ///< address=//…: names without dots
    NameMap<LocalPointer> pointers;       ///< PTR, by reverse name
    NameMap<std::vector<StaticRecord>> records;
    std::vector<MadeNames> made;          ///< synth-domain
    bool self_mx = false;                 ///< a name with an address of ours is its own MX; else `mx_target` is
    std::optional<Name> mx_target;        ///< none: no MX is made up
};

/// One address of one interface, as the kernel tells it.
struct InterfaceAddress {
    std::string interface;
    Address address;
    unsigned bits = 0;                    ///< of the network it lies in
    bool up = false, loopback = false;
    bool operator==(const InterfaceAddress&) const = default;
};

struct Rules {
    /// Worked out of what follows, for what most questions come to: the cache and the default upstreams. With `plain` nothing is said of
    /// domains, patterns or other types than addresses: no route but the default one, no wildcards, aliases, static records, made names.
    bool plain = false, has_hosts = true;      ///< the latter: some name has an address of ours

    std::vector<Upstream> upstreams;
    NameMap<UpstreamGroup> routes;        ///< by domain, lower case; the root is the default group
    NameMap<UpstreamGroup> starred_routes;   ///< server=/*d/…, by domain_key
    std::optional<UpstreamGroup> dotless; ///< `server=//…`: names without dots
    std::optional<std::uint32_t> agent_dns;  ///< index of the agent's DNS in `upstreams`
    NameMap<bool> consul_reverse;         ///< arpa domains whose PTR questions go to Consul
    std::shared_ptr<const LocalData> local = std::make_shared<LocalData>();
    std::shared_ptr<const Filters> filters;   ///< null: nothing is filtered
    std::vector<Name> flush_on_leader_change;

    bool strict_order = false, all_servers = false;
    bool domain_needed = false, bogus_priv = false;
    bool filter_windows = false;          ///< filterwin2k
    bool proxy_dnssec = false;
    bool no_round_robin = false;
    bool random_letters = false;          ///< do-0x20-encode
    std::optional<microseconds> stale_for;        ///< use-stale-cache: so long past its TTL, 0 = for ever
    std::optional<std::uint16_t> query_port;      ///< all questions leave from this port; 0 = one that the system chose
    std::uint16_t port_min = 1024, port_max = 65535;
    std::optional<microseconds> retry_first, retry_total;   ///< fast-dns-retry
    std::optional<ClientSubnet> add_subnet;
    std::string cpe_id;
    std::uint32_t forward_max = 10000;
    std::uint32_t edns_packet_max = 1232;
    std::uint32_t cache_entries = 10000;  ///< 0 = off
    std::size_t cache_bytes = 5'120'000;  ///< bound of one worker's cache
    bool no_negcache = false;
    std::optional<std::uint32_t> neg_ttl, max_ttl, max_cache_ttl, min_cache_ttl;
    std::uint32_t local_ttl = 0;
    bool sample = false;                  ///< shadow: some of the clients' questions are handed over
    std::vector<std::pair<Name, Endpoint>> loop_probes;   ///< dns-loop-detect: the name asked of each upstream
    bool local_service = false;           ///< only clients on networks of `interfaces` are answered
    bool localise = false;                ///< localise-queries
    std::vector<InterfaceAddress> interfaces;   ///< known where one of the two is on
    bool log_queries = false, log_extra = false;   ///< extra: serial number and client in front of each line
    bool no_ident = false;                ///< CHAOS names are not answered
    milliseconds leader_hold{4000};
    std::uint32_t leader_hold_max = 10000;
};

/// What the files say at the moment: text of each hosts file and the nameservers of the resolv.conf in use.
struct FollowedFiles {
    struct Text {
        std::string path, text;
    };
    std::vector<Text> hosts;
    std::vector<Text> resolv;             ///< the resolv-file in use (the newest of several)
    std::optional<Text> servers;          ///< servers-file
    std::vector<InterfaceAddress> interfaces;
    std::map<std::string, std::vector<Address>> servers_by_name;   ///< what the names of upstreams lead to, as far as it is known
    std::string host_name;                ///< of this machine
    std::uint64_t loop_token = 0;         ///< this process' own, in the names of loop probes
    std::vector<Endpoint> looping;        ///< upstreams that lead back to us
};

/// Options and files → Rules. `own` are the endpoints that lictor itself listens on: they are never an upstream. Notes for the log
/// (nameserver used, skipped, lines of hosts files that make no sense) are appended to `notes`.
std::shared_ptr<const Rules> make_rules(const Options& options, const FollowedFiles& files, const std::vector<Endpoint>& own,
                                        std::vector<std::string>& notes);

/// The names of upstreams in `server`, servers-file and consul-dns: whoever makes `files` looks them up.
std::vector<std::string> named_servers(const Options& options, const FollowedFiles& files);

/// The route of names that no other one is for; null if there is none.
const UpstreamGroup* default_route(const Rules& rules);
/// Longest match: the route for a lower-case name.
const UpstreamGroup* find_route(const Rules& rules, const Name& lower);

}  // namespace lictor
