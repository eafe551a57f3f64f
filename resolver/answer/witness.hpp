// What was looked at while one query was decided? A decision that is explained (/explain) gets a Witness. It takes the same path through
// the code as every other decision, notes what it looks at, and changes nothing: no counter, cache entry, usage time or random number, and
// nothing is sent. All other decisions get a null pointer. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "resolver/rules/upstream.hpp"
#include "resolver/wire/name.hpp"
#include "watch/catalog/catalog.hpp"

namespace lictor::answer {

/// The rule that a step of a decision followed. documents/explain.cpp has a word and a sentence for each, in the same order.
enum class Rule : std::uint8_t {
    consul_domain,   ///< the name is in this domain of Consul
    consul_reverse,  ///< a `server=` line sends this reverse domain to Consul
    consul_assumed,  ///< no agent has answered yet: names of this domain are forwarded
    cname,           ///< `cname=` with this alias
    names,           ///< hosts files, host-record, interface-name, dynamic-host
    pointers,        ///< PTR of the same
    records,         ///< txt-record, srv-host, mx-host and so on
    synthesized,     ///< synth-domain
    self_mx,         ///< localmx, selfmx
    filterwin2k,
    address,        ///< `address=` of this domain
    local_only,     ///< `local=` or `address=` without an address
    localhost,      ///< RFC 6761
    invalid,        ///< RFC 6761
    loopback_name,  ///< PTR of 127.0.0.1 and ::1
    bogus_priv,     ///< RFC 6303
    domain_needed,
    route,       ///< `server=` of this domain; the root: the upstreams for all names
    agent_dns,   ///< only the agent's DNS has the answer
    leader_soa,  ///< the SOA of a domain of aliases
    chaos,       ///< a CHAOS name
    zone_transfer,
    count,
};

/// One step. `key`: the name or domain in the tables of the Rules (a starred domain by domain_key).
struct Step {
    Rule rule = Rule::route;
    wire::Name key;
    bool dotless = false;  ///< the lines for names without dots (`//`)
};

/// What the cache had.
struct CacheSeen {
    enum class State : std::uint8_t {
        hit,
        stale,    ///< expired, and used because of use-stale-cache
        failure,  ///< the query failed less than a second ago
        miss,
        off,       ///< cache-size=0
        not_used,  ///< such a query is never answered from the cache
    } state = State::miss;
    std::uint32_t age = 0;              ///< whole seconds since it was cached
    std::chrono::microseconds left{0};  ///< until it expires; negative: expired
};

/// One upstream of the group that would be asked.
struct UpstreamSeen {
    Endpoint endpoint;
    std::string interface;
    microseconds rtt{0};  ///< smoothed; 0 = never answered
    bool down = false;    ///< paused after repeated failures
};

/// How the query would be forwarded.
struct ForwardSeen {
    std::vector<UpstreamSeen> upstreams;  ///< the order in which they would be asked
    bool all = false;                     ///< all at once: all-servers, or the regular search for the quickest one
    bool in_flight = false;               ///< an identical query is in flight: this one would join it
    bool agent = false;                   ///< the agent's DNS
};

/// A service that was looked up. `entry` null: nothing is known of it.
struct ServiceSeen {
    std::string name, datacenter;
    const catalog::ServiceEntry* entry = nullptr;
    std::optional<std::string> tag;  ///< the instances were selected by this tag; empty = any
};

/// Used by one thread, during one decision. Its pointers are into the View that was decided with.
struct Witness {
    std::vector<Step> steps;
    std::optional<CacheSeen> cache;
    std::optional<ForwardSeen> forward;
    std::vector<ServiceSeen> services;
    std::vector<const catalog::LeaderEntry*> leaders;
    std::vector<std::string> node_tables;                                  ///< datacenters; "" = the agent's own
    std::vector<std::pair<std::string, const catalog::HostEntry*>> hosts;  ///< host names in Consul's data
    bool deposed = false;                                                  ///< the leader's address was withdrawn a moment ago

    /// Looks up a service once.
    void service(std::string_view name, std::string_view datacenter, const catalog::ServiceEntry* entry);
    /// The instances of that service are selected by `tag`.
    void selected(const catalog::ServiceEntry& entry, std::string_view tag);
    void leader(const catalog::LeaderEntry& entry);
    void host(std::string_view name, const catalog::HostEntry* entry);
};

/// Adds a step if there is a witness.
inline void note(Witness* witness, Rule rule, const wire::Name& key) {
    if (witness) witness->steps.push_back({rule, key});
}

}  // namespace lictor::answer
