// Which counters, gauges and histograms does lictor keep? A row has the field, the exported name, an optional label and the help text; the
// Counters structs, /stats, /metrics and the reference page are generated from the rows. Histograms are in /metrics only.
#pragma once

#include <cstdint>

#include "conf/budget/budget.hpp"
#include "conf/metrics/causes.hpp"
#include "conf/metrics/count.hpp"
#include "conf/metrics/histogram.hpp"

namespace lictor::metrics {

// X(field, kind, exported name, label, help)   kind: counter | gauge
#define LICTOR_WORKER_METRICS(X)                                                                                                           \
    X(queries_udp, counter, "lictor_queries_total", "transport=\"udp\"", "Queries received, by transport.")                                \
    X(queries_tcp, counter, "lictor_queries_total", "transport=\"tcp\"", "Queries received, by transport.")                                \
    X(type_a, counter, "lictor_query_types_total", "type=\"A\"", "Well-formed queries, by type.")                                          \
    X(type_aaaa, counter, "lictor_query_types_total", "type=\"AAAA\"", "Well-formed queries, by type.")                                    \
    X(type_any, counter, "lictor_query_types_total", "type=\"ANY\"", "Well-formed queries, by type.")                                      \
    X(type_cname, counter, "lictor_query_types_total", "type=\"CNAME\"", "Well-formed queries, by type.")                                  \
    X(type_https, counter, "lictor_query_types_total", "type=\"HTTPS\"", "Well-formed queries, by type.")                                  \
    X(type_mx, counter, "lictor_query_types_total", "type=\"MX\"", "Well-formed queries, by type.")                                        \
    X(type_ns, counter, "lictor_query_types_total", "type=\"NS\"", "Well-formed queries, by type.")                                        \
    X(type_ptr, counter, "lictor_query_types_total", "type=\"PTR\"", "Well-formed queries, by type.")                                      \
    X(type_soa, counter, "lictor_query_types_total", "type=\"SOA\"", "Well-formed queries, by type.")                                      \
    X(type_srv, counter, "lictor_query_types_total", "type=\"SRV\"", "Well-formed queries, by type.")                                      \
    X(type_svcb, counter, "lictor_query_types_total", "type=\"SVCB\"", "Well-formed queries, by type.")                                    \
    X(type_txt, counter, "lictor_query_types_total", "type=\"TXT\"", "Well-formed queries, by type.")                                      \
    X(type_other, counter, "lictor_query_types_total", "type=\"other\"", "Well-formed queries, by type.")                                  \
    X(answers_consul, counter, "lictor_answers_total", "from=\"consul\"", "Replies sent, by source of the answer.")                        \
    X(answers_leader, counter, "lictor_answers_total", "from=\"leader\"", "Replies sent, by source of the answer.")                        \
    X(answers_local, counter, "lictor_answers_total", "from=\"local\"", "Replies sent, by source of the answer.")                          \
    X(answers_cache, counter, "lictor_answers_total", "from=\"cache\"", "Replies sent, by source of the answer.")                          \
    X(answers_upstream, counter, "lictor_answers_total", "from=\"upstream\"", "Replies sent, by source of the answer.")                    \
    X(answers_agent_dns, counter, "lictor_answers_total", "from=\"agent_dns\"", "Replies sent, by source of the answer.")                  \
    X(answers_error, counter, "lictor_answers_total", "from=\"error\"", "Replies sent, by source of the answer.")                          \
    X(rcode_noerror, counter, "lictor_rcodes_total", "rcode=\"NOERROR\"", "Replies sent, by response code.")                               \
    X(rcode_nxdomain, counter, "lictor_rcodes_total", "rcode=\"NXDOMAIN\"", "Replies sent, by response code.")                             \
    X(rcode_servfail, counter, "lictor_rcodes_total", "rcode=\"SERVFAIL\"", "Replies sent, by response code.")                             \
    X(rcode_refused, counter, "lictor_rcodes_total", "rcode=\"REFUSED\"", "Replies sent, by response code.")                               \
    X(rcode_formerr, counter, "lictor_rcodes_total", "rcode=\"FORMERR\"", "Replies sent, by response code.")                               \
    X(rcode_other, counter, "lictor_rcodes_total", "rcode=\"other\"", "Replies sent, by response code.")                                   \
    X(answers_stale, counter, "lictor_answers_stale_total", "", "Answers from Consul data given without contact with Consul.")             \
    X(answers_truncated, counter, "lictor_answers_truncated_total", "", "Replies truncated for size (TC set).")                            \
    X(dropped_short, counter, "lictor_dropped_total", "reason=\"short\"", "Packets not answered, by reason.")                              \
    X(dropped_response, counter, "lictor_dropped_total", "reason=\"response\"", "Packets not answered, by reason.")                        \
    X(dropped_foreign, counter, "lictor_dropped_total", "reason=\"foreign\"", "Packets not answered, by reason.")                          \
    X(limited_truncated, counter, "lictor_limited_total", "reply=\"truncated\"",                                                           \
      "Queries from networks over UDP above rrl-ratelimit, by reply.")                                                                     \
    X(limited_cookie, counter, "lictor_limited_total", "reply=\"badcookie\"",                                                              \
      "Queries from networks over UDP above rrl-ratelimit, by reply.")                                                                     \
    X(limited_dropped, counter, "lictor_limited_total", "reply=\"none\"", "Queries from networks over UDP above rrl-ratelimit, by reply.") \
    X(any_truncated, counter, "lictor_any_truncated_total", "", "Queries for ANY from networks over UDP, answered with TC alone.")         \
    X(cookies_good, counter, "lictor_cookies_total", "cookie=\"good\"", "Queries with a DNS cookie, by whether it is one of lictor's.")    \
    X(cookies_other, counter, "lictor_cookies_total", "cookie=\"other\"", "Queries with a DNS cookie, by whether it is one of lictor's.")  \
    X(send_failed, counter, "lictor_send_failures_total", "", "Replies that the kernel did not accept.")                                   \
    X(cache_hits, counter, "lictor_cache_hits_total", "", "Forwarded queries answered from the cache.")                                    \
    X(cache_misses, counter, "lictor_cache_misses_total", "", "Forwarded queries not found in the cache.")                                 \
    X(cache_stale, counter, "lictor_cache_stale_total", "",                                                                                \
      "Forwarded queries answered from the cache with expired data (use-stale-cache).")                                                    \
    X(cache_insertions, counter, "lictor_cache_insertions_total", "", "Replies put into the cache.")                                       \
    X(cache_evictions, counter, "lictor_cache_evictions_total", "", "Unexpired cache entries dropped to make room.")                       \
    X(cache_flushed, counter, "lictor_cache_flushed_total", "", "Cache entries dropped because their data had changed.")                   \
    X(cache_entries, gauge, "lictor_cache_entries", "", "Cache entries.")                                                                  \
    X(cache_bytes, gauge, "lictor_cache_bytes", "", "Bytes used by the cache.")                                                            \
    X(forwarded, counter, "lictor_forwarded_total", "", "Queries sent to upstreams, including retries.")                                   \
    X(forward_joined, counter, "lictor_forward_joined_total", "", "Queries that joined an identical query in flight.")                     \
    X(forward_retries, counter, "lictor_forward_retries_total", "", "Retries after an upstream failed or did not answer.")                 \
    X(forward_tcp, counter, "lictor_forward_tcp_total", "", "Queries sent to upstreams over TCP.")                                         \
    X(forward_overload, counter, "lictor_forward_overload_total", "", "Queries answered SERVFAIL because too many were in flight.")        \
    X(forward_failed, counter, "lictor_forward_failed_total", "", "Queries answered SERVFAIL because no upstream answered.")               \
    X(forward_pending, gauge, "lictor_forward_pending", "", "Queries in flight to upstreams.")                                             \
    X(upstream_mismatch, counter, "lictor_upstream_mismatch_total", "", "Upstream packets dropped because id or question did not match.")  \
    X(upstream_malformed, counter, "lictor_upstream_malformed_total", "", "Upstream packets dropped because they were not valid replies.") \
    X(held, counter, "lictor_leader_held_total", "", "Queries held because there was no leader.")                                          \
    X(held_released, counter, "lictor_leader_held_released_total", "", "Held queries answered once the leader was known.")                 \
    X(held_expired, counter, "lictor_leader_held_expired_total", "", "Held queries that ended in SERVFAIL.")                               \
    X(waiting, gauge, "lictor_waiting", "", "Queries waiting for data (a leader, a service, an address).")                                 \
    X(waiting_overflow, counter, "lictor_waiting_overflow_total", "", "Queries answered SERVFAIL because too many were waiting.")          \
    X(tcp_accepted, counter, "lictor_tcp_accepted_total", "", "TCP connections accepted.")                                                 \
    X(tcp_refused, counter, "lictor_tcp_refused_total", "",                                                                                \
      "TCP connections refused because too many were open and none idle, or no descriptor was left.")                                      \
    X(tcp_closed_idle, counter, "lictor_tcp_closed_total", "reason=\"idle\"", "TCP connections closed by lictor, by reason.")              \
    X(tcp_closed_pressure, counter, "lictor_tcp_closed_total", "reason=\"pressure\"", "TCP connections closed by lictor, by reason.")      \
    X(tcp_closed_slow, counter, "lictor_tcp_closed_total", "reason=\"slow\"", "TCP connections closed by lictor, by reason.")              \
    X(tcp_open, gauge, "lictor_tcp_connections", "", "Open TCP connections.")                                                              \
    X(heartbeats, counter, "lictor_heartbeats_total", "",                                                                                  \
      "Iterations of the worker's event loop that were counted, at least one per second.")

#define LICTOR_CONTROL_METRICS(X)                                                                                                          \
    X(consul_requests, counter, "lictor_consul_requests_total", "", "HTTP requests to Consul.")                                            \
    X(consul_errors, counter, "lictor_consul_errors_total", "", "HTTP requests to Consul that failed or returned an error.")               \
    X(consul_unchanged, counter, "lictor_consul_unchanged_total", "", "Blocking queries that returned without a change.")                  \
    X(consul_changes, counter, "lictor_consul_changes_total", "", "Blocking queries that returned a change.")                              \
    X(consul_index_resets, counter, "lictor_consul_index_resets_total", "", "Times a watch was restarted at index 0.")                     \
    X(consul_failovers, counter, "lictor_consul_failovers_total", "", "Times lictor changed to another Consul address.")                   \
    X(consul_watches, gauge, "lictor_consul_watches", "", "Watched services.")                                                             \
    X(consul_watches_refused, counter, "lictor_consul_watches_refused_total", "",                                                          \
      "Services resolved with the agent's DNS because consul-watch-max was reached.")                                                      \
    X(consul_body_rejected, counter, "lictor_consul_bodies_rejected_total", "", "Bodies from Consul that could not be parsed.")            \
    X(consul_connected, gauge, "lictor_consul_connected", "", "1 while the last request to Consul was successful.")                        \
    X(consul_last_contact, gauge, "lictor_consul_last_contact_timestamp_seconds", "",                                                      \
      "Wall-clock time of the last valid reply from Consul.")                                                                              \
    X(views_published, counter, "lictor_views_published_total", "", "Views published to the workers.")                                     \
    X(views_retained, gauge, "lictor_views_retained", "", "Views that at least one worker may still use.")                                 \
    X(leader_changes, counter, "lictor_leader_changes_total", "", "Published leader addresses that differ from the previous one.")         \
    X(leader_withdrawals, counter, "lictor_leader_withdrawals_total", "", "Withdrawn leader addresses.")                                   \
    X(leader_probes, counter, "lictor_leader_probes_total", "", "Requests to a lock holder's REST API for its role.")                      \
    X(leader_probe_failures, counter, "lictor_leader_probe_failures_total", "", "Probes without an answer or answered by another member.") \
    X(leader_probe_proofs, counter, "lictor_leader_probe_proofs_total", "", "Probes that returned the role primary.")                      \
    X(discoveries_refused, counter, "lictor_leader_discoveries_refused_total", "",                                                         \
      "Registered Patroni scopes not followed because the maximum was reached.")                                                           \
    X(wants_dropped, counter, "lictor_wants_dropped_total", "",                                                                            \
      "Requests of workers for unknown data dropped because too many were queued.")                                                        \
    X(hosts_resolved, counter, "lictor_hosts_resolved_total", "", "Host names from Consul resolved to addresses.")                         \
    X(stats_requests, counter, "lictor_stats_requests_total", "", "Requests to the stats endpoint.")                                       \
    X(stats_refused, counter, "lictor_stats_refused_total", "", "Refused requests to the stats endpoint.")                                 \
    X(event_streams, gauge, "lictor_event_streams", "", "Clients of /events.")                                                             \
    X(event_streams_dropped, counter, "lictor_event_streams_dropped_total", "",                                                            \
      "Clients of /events disconnected because they did not read.")                                                                        \
    X(event_streams_refused, counter, "lictor_event_streams_refused_total", "", "Clients of /events refused because there were too many.") \
    X(hook_runs, counter, "lictor_hook_runs_total", "", "Leader changes for which programs of leader-exec were run.")                      \
    X(hook_merged, counter, "lictor_hook_merged_total", "",                                                                                \
      "Leader changes merged with an earlier one because a program was still running.")                                                    \
    X(hook_failures, counter, "lictor_hook_failures_total", "", "Programs of leader-exec that failed, timed out or could not be run.")     \
    X(hook_lines_lost, counter, "lictor_hook_lines_lost_total", "",                                                                        \
      "Output lines of programs of leader-exec that were not logged because there were too many.")                                         \
    X(leader_connections_cut, counter, "lictor_leader_connections_cut_total", "", "Connections to deposed leaders that leader-cut ended.") \
    X(leader_cut_failures, counter, "lictor_leader_cut_failures_total", "", "Connections that leader-cut could not end.")                  \
    X(snapshot_writes, counter, "lictor_snapshot_writes_total", "", "Writes of snapshot-file.")                                            \
    X(snapshot_failures, counter, "lictor_snapshot_failures_total", "", "Failed writes and reads of snapshot-file.")                       \
    X(reloads, counter, "lictor_reloads_total", "", "Configurations applied on HUP.")                                                      \
    X(reload_failures, counter, "lictor_reload_failures_total", "", "Configurations rejected on HUP; the previous one remained in use.")   \
    X(dnstap_sent, counter, "lictor_dnstap_messages_total", "", "Messages sent to the reader of dnstap.")                                  \
    X(dnstap_dropped, counter, "lictor_dnstap_dropped_total", "",                                                                          \
      "Messages that the reader of dnstap does not get: it is not connected, or it reads too slowly.")                                     \
    X(dnstap_connected, gauge, "lictor_dnstap_connected", "", "1 while the reader of dnstap is connected.")                                \
    X(log_dropped, counter, "lictor_log_dropped_total", "", "Log lines dropped because the queue was full.")                               \
    X(allocation_failures, counter, "lictor_allocation_failures_total", "", "Events whose work was given up because memory ran out.")

inline constexpr const char response_help[] =
    "Time from reading a query to its reply, by source of the answer. Of queries answered at once a sample is measured each 10 ms.";

// X(field, exported name, label, help)
#define LICTOR_WORKER_HISTOGRAMS(X)                                                       \
    X(response_consul, "lictor_response_seconds", "from=\"consul\"", response_help)       \
    X(response_leader, "lictor_response_seconds", "from=\"leader\"", response_help)       \
    X(response_local, "lictor_response_seconds", "from=\"local\"", response_help)         \
    X(response_cache, "lictor_response_seconds", "from=\"cache\"", response_help)         \
    X(response_upstream, "lictor_response_seconds", "from=\"upstream\"", response_help)   \
    X(response_agent_dns, "lictor_response_seconds", "from=\"agent_dns\"", response_help) \
    X(response_error, "lictor_response_seconds", "from=\"error\"", response_help)         \
    X(leader_hold, "lictor_leader_hold_seconds", "",                                      \
      "Time for which a query was held because there was no leader, whether it was then answered or not.")

#define LICTOR_METRIC_FIELD(field, kind, name, label, help) Count field;

/// Counters of one worker, and the bytes that it uses. Only that worker writes them.
struct WorkerCounters {
    budget::Account memory;
    LICTOR_WORKER_METRICS(LICTOR_METRIC_FIELD)
#define LICTOR_CAUSE_FIELD(word, ...) Count cause_##word;
    LICTOR_CAUSES(LICTOR_CAUSE_FIELD)
#undef LICTOR_CAUSE_FIELD
#define LICTOR_HISTOGRAM_FIELD(field, ...) Histogram field;
    LICTOR_WORKER_HISTOGRAMS(LICTOR_HISTOGRAM_FIELD)
#undef LICTOR_HISTOGRAM_FIELD
};

/// Counters of the control thread, and the bytes that it uses. Only that thread writes them.
struct ControlCounters {
    budget::Account memory;
    LICTOR_CONTROL_METRICS(LICTOR_METRIC_FIELD)
};

#undef LICTOR_METRIC_FIELD

}  // namespace lictor::metrics
