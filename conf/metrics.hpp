// The one list of everything that lictor counts. A row gives the field, the exported name, an optional label and the help text; the
// Counters struct, /stats, /metrics and the reference page follow from it. Counters have one writer each (their worker, or the control
// thread) and any reader: relaxed atomics, so that an increment costs no locked instruction.
#pragma once

#include <atomic>
#include <cstdint>

namespace lictor {

/// A counter or gauge with a single writing thread.
class Count {
public:
    void add(std::uint64_t n = 1) noexcept { value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed); }
    void set(std::uint64_t n) noexcept { value_.store(n, std::memory_order_relaxed); }
    std::uint64_t get() const noexcept { return value_.load(std::memory_order_relaxed); }

private:
    std::atomic<std::uint64_t> value_{0};
};

// X(field, kind, exported name, label, help)   kind: counter | gauge
#define LICTOR_WORKER_METRICS(X)                                                                                                       \
    X(queries_udp, counter, "lictor_queries_total", "transport=\"udp\"", "Questions received, by transport.")                         \
    X(queries_tcp, counter, "lictor_queries_total", "transport=\"tcp\"", "Questions received, by transport.")                         \
    X(answers_consul, counter, "lictor_answers_total", "from=\"consul\"", "Replies sent, by where the answer came from.")             \
    X(answers_leader, counter, "lictor_answers_total", "from=\"leader\"", "Replies sent, by where the answer came from.")             \
    X(answers_local, counter, "lictor_answers_total", "from=\"local\"", "Replies sent, by where the answer came from.")               \
    X(answers_cache, counter, "lictor_answers_total", "from=\"cache\"", "Replies sent, by where the answer came from.")               \
    X(answers_upstream, counter, "lictor_answers_total", "from=\"upstream\"", "Replies sent, by where the answer came from.")         \
    X(answers_agent_dns, counter, "lictor_answers_total", "from=\"agent_dns\"", "Replies sent, by where the answer came from.")       \
    X(answers_error, counter, "lictor_answers_total", "from=\"error\"", "Replies sent, by where the answer came from.")               \
    X(rcode_noerror, counter, "lictor_rcodes_total", "rcode=\"NOERROR\"", "Replies sent, by response code.")                          \
    X(rcode_nxdomain, counter, "lictor_rcodes_total", "rcode=\"NXDOMAIN\"", "Replies sent, by response code.")                        \
    X(rcode_servfail, counter, "lictor_rcodes_total", "rcode=\"SERVFAIL\"", "Replies sent, by response code.")                        \
    X(rcode_refused, counter, "lictor_rcodes_total", "rcode=\"REFUSED\"", "Replies sent, by response code.")                          \
    X(rcode_formerr, counter, "lictor_rcodes_total", "rcode=\"FORMERR\"", "Replies sent, by response code.")                          \
    X(rcode_other, counter, "lictor_rcodes_total", "rcode=\"other\"", "Replies sent, by response code.")                              \
    X(answers_stale, counter, "lictor_answers_stale_total", "", "Consul answers given while contact with Consul was lost.")           \
    X(answers_truncated, counter, "lictor_answers_truncated_total", "", "Replies cut for size, with TC set.")                         \
    X(dropped_short, counter, "lictor_dropped_total", "reason=\"short\"", "Packets not answered, by reason.")                         \
    X(dropped_response, counter, "lictor_dropped_total", "reason=\"response\"", "Packets not answered, by reason.")                   \
    X(dropped_foreign, counter, "lictor_dropped_total", "reason=\"foreign\"", "Packets not answered, by reason.")                     \
    X(send_failed, counter, "lictor_send_failures_total", "", "Replies that the kernel did not take.")                                \
    X(cache_hits, counter, "lictor_cache_hits_total", "", "Forwarded questions answered from the cache.")                             \
    X(cache_misses, counter, "lictor_cache_misses_total", "", "Forwarded questions not found in the cache.")                          \
    X(cache_stale, counter, "lictor_cache_stale_total", "", "Forwarded questions answered from the cache past their time (use-stale-cache).") \
    X(cache_insertions, counter, "lictor_cache_insertions_total", "", "Replies put into the cache.")                                  \
    X(cache_evictions, counter, "lictor_cache_evictions_total", "", "Unexpired cache entries dropped to make room.")                  \
    X(cache_flushed, counter, "lictor_cache_flushed_total", "", "Cache entries dropped because what they said had changed.")          \
    X(cache_entries, gauge, "lictor_cache_entries", "", "Cache entries held.")                                                        \
    X(cache_bytes, gauge, "lictor_cache_bytes", "", "Bytes held by the cache.")                                                       \
    X(forwarded, counter, "lictor_forwarded_total", "", "Questions sent upstream, each try counted.")                                 \
    X(forward_joined, counter, "lictor_forward_joined_total", "", "Questions that joined an identical one in flight.")                \
    X(forward_retries, counter, "lictor_forward_retries_total", "", "Further tries after a silent or failing upstream.")              \
    X(forward_tcp, counter, "lictor_forward_tcp_total", "", "Questions asked upstream over TCP.")                                     \
    X(forward_overload, counter, "lictor_forward_overload_total", "", "Questions answered SERVFAIL because too many were in flight.") \
    X(forward_failed, counter, "lictor_forward_failed_total", "", "Questions answered SERVFAIL because no upstream answered.")        \
    X(forward_pending, gauge, "lictor_forward_pending", "", "Questions in flight upstream.")                                          \
    X(upstream_mismatch, counter, "lictor_upstream_mismatch_total", "", "Upstream packets dropped: id or question did not match.")    \
    X(upstream_malformed, counter, "lictor_upstream_malformed_total", "", "Upstream packets dropped: not a usable reply.")            \
    X(held, counter, "lictor_leader_held_total", "", "Questions held because nobody led.")                                            \
    X(held_released, counter, "lictor_leader_held_released_total", "", "Held questions answered once the leader was known.")          \
    X(held_expired, counter, "lictor_leader_held_expired_total", "", "Held questions that ended in SERVFAIL.")                        \
    X(waiting, gauge, "lictor_waiting", "", "Questions waiting for a fact (a leader, a service, an address).")                        \
    X(waiting_overflow, counter, "lictor_waiting_overflow_total", "", "Questions answered SERVFAIL because too many were waiting.")   \
    X(tcp_accepted, counter, "lictor_tcp_accepted_total", "", "TCP connections accepted.")                                            \
    X(tcp_refused, counter, "lictor_tcp_refused_total", "", "TCP connections turned away: too many open and none idle, or no descriptor left.") \
    X(tcp_closed_idle, counter, "lictor_tcp_closed_total", "reason=\"idle\"", "TCP connections closed by lictor, by reason.")         \
    X(tcp_closed_pressure, counter, "lictor_tcp_closed_total", "reason=\"pressure\"", "TCP connections closed by lictor, by reason.") \
    X(tcp_closed_slow, counter, "lictor_tcp_closed_total", "reason=\"slow\"", "TCP connections closed by lictor, by reason.")         \
    X(tcp_open, gauge, "lictor_tcp_connections", "", "TCP connections open.")                                                         \
    X(heartbeat, gauge, "lictor_heartbeat", "", "Turns of the worker's loop, raised at least once a second.")

#define LICTOR_CONTROL_METRICS(X)                                                                                                      \
    X(consul_requests, counter, "lictor_consul_requests_total", "", "HTTP requests to Consul.")                                       \
    X(consul_errors, counter, "lictor_consul_errors_total", "", "HTTP requests to Consul that failed or were refused.")               \
    X(consul_unchanged, counter, "lictor_consul_unchanged_total", "", "Blocking queries that came back without a change.")            \
    X(consul_changes, counter, "lictor_consul_changes_total", "", "Blocking queries that brought a change.")                          \
    X(consul_index_resets, counter, "lictor_consul_index_resets_total", "", "Times a watch started over at index 0.")                 \
    X(consul_failovers, counter, "lictor_consul_failovers_total", "", "Times another Consul address was taken.")                      \
    X(consul_watches, gauge, "lictor_consul_watches", "", "Services watched.")                                                        \
    X(consul_watches_refused, counter, "lictor_consul_watches_refused_total", "", "Services asked from the agent's DNS because the bound of watches was reached.") \
    X(consul_body_rejected, counter, "lictor_consul_bodies_rejected_total", "", "Bodies from Consul that were not what they should be.") \
    X(consul_connected, gauge, "lictor_consul_connected", "", "1 while the last exchange with Consul succeeded.")                     \
    X(consul_last_contact, gauge, "lictor_consul_last_contact_timestamp_seconds", "", "Wall-clock time of the last good reply from Consul.") \
    X(views_published, counter, "lictor_views_published_total", "", "Views handed to the workers.")                                   \
    X(views_retained, gauge, "lictor_views_retained", "", "Views not yet left behind by every worker.")                               \
    X(leader_changes, counter, "lictor_leader_changes_total", "", "Leader addresses published that differ from the one before.")      \
    X(leader_withdrawals, counter, "lictor_leader_withdrawals_total", "", "Leader addresses withdrawn.")                              \
    X(leader_probes, counter, "lictor_leader_probes_total", "", "Questions to a lock holder's REST API for its role.")                \
    X(leader_probe_failures, counter, "lictor_leader_probe_failures_total", "", "Probes that were not answered, or by somebody else.") \
    X(leader_probe_proofs, counter, "lictor_leader_probe_proofs_total", "", "Probes that said primary.")                              \
    X(discoveries_refused, counter, "lictor_leader_discoveries_refused_total", "", "Registered Patroni scopes not followed because too many were.") \
    X(wants_dropped, counter, "lictor_wants_dropped_total", "", "Requests of workers for unknown facts dropped because too many were queued.") \
    X(hosts_resolved, counter, "lictor_hosts_resolved_total", "", "Host names from Consul resolved to addresses.")                    \
    X(stats_requests, counter, "lictor_stats_requests_total", "", "Requests to the stats endpoint.")                                  \
    X(stats_refused, counter, "lictor_stats_refused_total", "", "Requests to the stats endpoint refused.")                            \
    X(event_streams, gauge, "lictor_event_streams", "", "Listeners of /events.")                                                      \
    X(event_streams_dropped, counter, "lictor_event_streams_dropped_total", "", "Listeners of /events dropped because they did not read.") \
    X(event_streams_refused, counter, "lictor_event_streams_refused_total", "", "Listeners of /events refused because there were too many.") \
    X(hook_runs, counter, "lictor_hook_runs_total", "", "Changes of leader that programs of leader-exec were run for.")               \
    X(hook_merged, counter, "lictor_hook_merged_total", "", "Changes of leader told together with an earlier one, because a program still ran.") \
    X(hook_failures, counter, "lictor_hook_failures_total", "", "Programs of leader-exec that failed, took too long or could not be run.") \
    X(hook_lines_lost, counter, "lictor_hook_lines_lost_total", "", "Lines of programs of leader-exec that were not logged: too many.") \
    X(reloads, counter, "lictor_reloads_total", "", "Configurations taken over by HUP.")                                              \
    X(reload_failures, counter, "lictor_reload_failures_total", "", "Configurations refused by HUP; the old one stayed.")             \
    X(log_dropped, gauge, "lictor_log_dropped", "", "Log lines dropped because the queue was full.")

#define LICTOR_METRIC_FIELD(field, kind, name, label, help) Count field;

/// What one worker counts. Written by that worker only.
struct WorkerCounters {
    LICTOR_WORKER_METRICS(LICTOR_METRIC_FIELD)
};

/// What the control thread counts.
struct ControlCounters {
    LICTOR_CONTROL_METRICS(LICTOR_METRIC_FIELD)
};

#undef LICTOR_METRIC_FIELD

}  // namespace lictor
