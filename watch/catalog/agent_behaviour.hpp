// Where do lictor's answers for Consul names differ from the agent's, and where do the agents' versions differ? Consul's DNS interface
// changed in a few places between 1.8 and 1.22. `consul-dns-compat=strict` follows the version that the agent reports; `fixed`, the
// default, improves on it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace lictor::catalog {

/// Built anew when the settings change, then constant. Each member is one behaviour of answers; the table of values is in
/// agent_behaviour.cpp.
struct AgentBehaviour {
    AgentBehaviour() : AgentBehaviour(false, {}) {}
    /// `reported`: the version in agent/self (`1.8.7`, `1.17.0+ent`, `1.22.0-rc1`). A version that cannot be parsed counts as the newest.
    AgentBehaviour(bool as_agent, std::string reported);

    std::string version;  ///< as reported; empty if it is not known
    bool strict = false;  ///< for pages and for queries to the agent's DNS; resolver/zone uses the members below

    // The message.
    bool sets_ra_always = false;      ///< RA in every reply; else only where the agent has recursors
    bool limits_edns_size = false;    ///< edns-packet-max limits replies and is the size in OPT; else OPT repeats the client's size,
                                      ///< without an extended error
    bool cuts_as_agent = false;       ///< replies for services are cut by the agent's rules (resolver/zone/cut.hpp)
    bool cuts_opt = false;            ///< OPT counts towards the size limits, and a cut removes it
    std::size_t udp_bytes_max = 0;    ///< by the agent's rules: largest reply over UDP
    std::size_t udp_bytes_spare = 0;  ///< by the agent's rules: a cut leaves this number of bytes free

    // Names.
    bool knows_dc_label = false;         ///< `<name>.service.<datacenter>.dc.<domain>`
    bool knows_namespaces = false;       ///< Consul Enterprise: labels that only the agent can read
    bool keeps_empty_names = false;      ///< a name with names below it exists: NOERROR, not NXDOMAIN (RFC 8020)
    bool denies_malformed_addr = false;  ///< NXDOMAIN for `<hex>.addr` with a wrong number of digits; else NOERROR
    bool sends_ds_to_recursors = false;  ///< a DS query goes to the recursors, if there are any
    bool has_leader_zones = false;       ///< `<service>.service` of a leader is a zone with its own SOA
    /// How the domain at the end of a synthesized name is chosen.
    enum class Domain : std::uint8_t {
        of_query,                       ///< the domain that was asked, in lower case
        primary,                        ///< the first one configured
        as_typed,                       ///< the domain that was asked, in the client's letters
    } names_end_in = Domain::of_query;  ///< names made for an answer (SRV targets, SOA …)
    bool lower_cases_servers = false;   ///< names of NS records

    // Nodes.
    bool finds_nodes_by_id = false;       ///< a prefix of a node's UUID is accepted as its name, if it fits only one node
    bool looks_up_all_types = false;      ///< an unknown node is NXDOMAIN for every type; else only for those that nodes have
    bool sends_soa_without_data = false;  ///< NOERROR without records carries the SOA for nodes, too (RFC 2308 §5)
    bool addr_owner_as_made = false;      ///< the owner of the address record of an `.addr` name is synthesized (see `names_end_in`)
    enum class Misfit : std::uint8_t { no_data, answer, additional } misfit_addr = Misfit::no_data;  ///< an `.addr` address of other type

    // Aliases and members of a cluster.
    bool resolves_host_names = false;     ///< host names outside Consul are resolved; else only the agent's recursors resolve them
    bool follows_as_any = false;          ///< aliases into Consul are followed as type ANY, else with the type of the query
    bool prefers_live_alias = false;      ///< of several aliases, the first one that leads to an address is answered
    bool limits_alias_records = false;    ///< at most five records behind an alias
    bool limits_inner_answers = false;    ///< an alias into Consul is answered as for a client over UDP without EDNS
    bool catalog_before_members = false;  ///< names of members (`replica.` …) are answered from the catalog if the service is registered

    bool operator==(const AgentBehaviour&) const = default;
};

}  // namespace lictor::catalog
