// Why does a reply differ from the data, or report a failure? This is the only list of causes. A row has the word of the cause (its label
// in /metrics), the response code, the extended error (RFC 8914) with its text, the verb of the query-log line, a further counter, and a
// sentence for operators. The enum, the counters, the reference page and all replies are made from it.
#pragma once

#include <cstdint>

namespace lictor::metrics {

// X(word, response code, extended error, verb, counter, text, meaning)
//   response code   `as_data`: the response code that the data gives
//   extended error  `none`: the reply has neither it nor the text, because it may go to a forged address and must not be long
//   verb            the verb of the query-log line; empty: the verb of the answer's source
//   counter         a field of WorkerCounters that rises together with lictor_causes_total; null: none
//   text            EXTRA-TEXT, in which `{name}`, `{state}` and `{seconds}` are replaced by values
#define LICTOR_CAUSES(X)                                                                                                                  \
    X(consul_stale, as_data, stale_answer, "stale", &WorkerCounters::answers_stale,                                                       \
      "Consul not in contact for {seconds} s, last known answer",                                                                         \
      "Contact with Consul is lost; the last known facts are answered with TTL 0. With NXDOMAIN the extended error is 19.")               \
    X(watch_stale, as_data, stale_answer, "stale", &WorkerCounters::answers_stale,                                                        \
      "Consul fails to answer for this name, last known answer",                                                                          \
      "Consul is in contact, but the query that watches this name fails; the last known facts are answered with TTL 0.")                  \
    X(consul_expired, servfail, no_reachable_authority, "consul", nullptr,                                                                \
      "Consul not in contact for {seconds} s, longer than consul-max-stale",                                                              \
      "Contact with Consul is lost for longer than `consul-max-stale`; the facts are too old to be answered.")                            \
    X(leader_gap, servfail, not_ready, "leader", nullptr, "{name} has no leader: {state} for {seconds} s",                                \
      "A query for a leader was held as long as `leader-hold` allows, and there was no leader. `lictor leaders` shows why.")              \
    X(held_full, servfail, not_ready, "leader", &WorkerCounters::waiting_overflow, "{name} has no leader, and too many queries are held", \
      "There is no leader, and the worker holds `leader-hold-max` queries already.")                                                      \
    X(consul_unread, servfail, not_ready, "consul", nullptr, "{name} not read from Consul in time",                                       \
      "Consul did not answer the first query for a service or for the nodes in time, and the agent's DNS cannot be asked.")               \
    X(host_unresolved, servfail, not_ready, "consul", nullptr, "host name {name} not resolved in time",                                   \
      "An address in Consul is a host name, and no upstream resolved it in time.")                                                        \
    X(waiting_full, servfail, not_ready, "consul", &WorkerCounters::waiting_overflow, "too many queries wait for Consul",                 \
      "The bound of queries that wait for a first reply of Consul is reached.")                                                           \
    X(no_agent_dns, servfail, network_error, "consul", nullptr, "only the agent's DNS can answer, and none is configured",                \
      "Consul's HTTP API does not answer such names (prepared queries, Connect), and `consul-dns` is empty.")                             \
    X(unencodable, servfail, other, "consul", nullptr, "no DNS message can hold the name or address in Consul",                           \
      "A name or address that is registered in Consul fits no DNS record.")                                                               \
    X(consul_refuses, servfail, other, "consul", nullptr, "Consul refuses the look-up of an empty service name",                          \
      "The query names no service; Consul's agent answers SERVFAIL to it, too.")                                                          \
    X(alias_chain, servfail, other, "config", nullptr, "chain of aliases too long", "The `cname` lines form a chain that is too long.")   \
    X(zone_transfer, notimp, other, "config", nullptr, "zone transfer not supported", "The query asks for a zone transfer.")              \
    X(edns_version, badvers, other, "config", nullptr, "EDNS version not supported", "The query has an EDNS version other than 0.")       \
    X(bad_cookie, badcookie, none, "config", nullptr, "too many queries without a good cookie",                                           \
      "A client in a network asks more than `rrl-ratelimit` allows; with the DNS cookie of this reply it is answered.")                   \
    X(malformed, formerr, other, "config", nullptr, "not a query that can be read", "The message is not a well-formed query.")            \
    X(opcode, notimp, other, "config", nullptr, "operation not supported",                                                                \
      "The message is not a query, but for example an update or a notification.")                                                         \
    X(chaos_name, notimp, other, "config", nullptr, "CHAOS name not supported",                                                           \
      "The class is CHAOS, and the name is none of those that dnsmasq answers, or `no-ident` is set.")                                    \
    X(stopping, servfail, not_ready, "config", nullptr, "lictor is shutting down", "The query waited when lictor was stopped.")           \
    X(no_upstream, servfail, not_ready, "config", &WorkerCounters::forward_failed, "no upstream configured",                              \
      "Neither `server` nor resolv.conf names an upstream for this name.")                                                                \
    X(overload, servfail, other, "config", &WorkerCounters::forward_overload, "too many queries in flight (dns-forward-max)",             \
      "The worker has `dns-forward-max` queries in flight, or too many clients wait for them.")                                           \
    X(memory, servfail, other, "config", &WorkerCounters::forward_overload, "no memory left for another query (memory-max)",              \
      "The queries in flight, together with caches and Consul's data, use as much of `memory-max` as they may.")                          \
    X(client_share, servfail, other, "config", &WorkerCounters::forward_overload, "this client has its share of the queries in flight",   \
      "One client has so many queries in flight that few are left for others. On loopback a client is one port, else one address.")       \
    X(upstream_silent, servfail, no_reachable_authority, "config", &WorkerCounters::forward_failed,                                       \
      "no reply from {name} within {seconds} s", "No upstream replied in time, or the agent's DNS did not.")                              \
    X(upstream_unreachable, servfail, network_error, "config", &WorkerCounters::forward_failed, "{name} not reachable",                   \
      "The upstreams or the agent's DNS could not be reached: a network error, or a closed port.")                                        \
    X(upstream_failed, servfail, other, "reply", &WorkerCounters::forward_failed, "no useful reply from {name}",                          \
      "All upstreams replied with a failure. An extended error in their reply replaces this one.")                                        \
    X(upstream_code, as_data, other, "", nullptr, "response code of the upstream passed on",                                              \
      "The upstream, or in strict mode the agent's DNS, replied with a response code that is passed on.")                                 \
    X(cached_failure, servfail, other, "cached", nullptr, "failed {seconds} s ago, not asked again yet",                                  \
      "The same query failed less than a second ago (RFC 9520). The extended error is the one of that failure.")                          \
    X(cache_stale, as_data, stale_answer, "cached-stale", &WorkerCounters::cache_stale,                                                   \
      "expired {seconds} s ago, upstreams are asked again",                                                                               \
      "`use-stale-cache`: the reply in the cache has expired. With NXDOMAIN the extended error is 19.")                                   \
    X(bogus, nxdomain, blocked, "", nullptr, "address listed in bogus-nxdomain", "The reply held an address of `bogus-nxdomain`.")        \
    X(rebind, noerror, blocked, "", nullptr, "private address withheld (stop-dns-rebind)",                                                \
      "The reply of an upstream held a private address; `stop-dns-rebind` withholds it.")                                                 \
    X(filtered, as_data, filtered, "", nullptr, "records removed (filter-A, filter-AAAA, filter-rr)",                                     \
      "An option removed records of some type from the reply.")

/// `none`: the answer has the records and the response code of the data.
enum class Cause : std::uint8_t {
    none,
#define LICTOR_CAUSE_ENUM(word, ...) word,
    LICTOR_CAUSES(LICTOR_CAUSE_ENUM)
#undef LICTOR_CAUSE_ENUM
        count
};

}  // namespace lictor::metrics
