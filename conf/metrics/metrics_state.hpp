// The metric families that are read when /metrics is requested: the state of the process, its upstreams, services, leaders and watches. The
// names `process_…` are those that every Prometheus exporter has. The exporter refers to a family by its name; a name that is not in this
// table does not compile.
#pragma once

#include <string_view>

#include "conf/metrics/metrics_rows.hpp"

namespace lictor::metrics {

/// One family; its values are computed for each request.
struct StateMetricRow {
    std::string_view name;
    MetricKind kind;
    std::string_view labels;  ///< label keys, separated by commas; empty: one series without labels
    std::string_view help;
};

inline constexpr StateMetricRow state_metric_rows[] = {
    {"process_cpu_seconds_total", MetricKind::counter, "", "User and system CPU time of the process."},
    {"process_resident_memory_bytes", MetricKind::gauge, "", "Resident memory of the process."},
    {"process_virtual_memory_bytes", MetricKind::gauge, "", "Virtual memory of the process."},
    {"process_open_fds", MetricKind::gauge, "", "Open file descriptors."},
    {"process_max_fds", MetricKind::gauge, "", "Maximum number of open file descriptors."},
    {"process_start_time_seconds", MetricKind::gauge, "", "Wall-clock time of the start."},
    {"process_threads", MetricKind::gauge, "", "Threads of the process."},
    {"lictor_memory_max_bytes", MetricKind::gauge, "", "Bytes that clients, caches and Consul's data may take together (memory-max)."},
    {"lictor_memory_bytes", MetricKind::gauge, "kind", "Bytes used of memory-max, by what uses them."},
    {"lictor_memory_shed_total", MetricKind::counter, "kind",
     "Queries, replies, connections and requests refused or dropped because memory-max was used up."},
    {"lictor_build_info", MetricKind::gauge, "version", "Always 1; the label contains the version."},
    {"lictor_uptime_seconds", MetricKind::gauge, "", "Seconds since the start."},
    {"lictor_healthy", MetricKind::gauge, "", "1 while the event loop of every worker runs."},
    {"lictor_ready", MetricKind::gauge, "", "1 after Consul was read and an upstream has answered."},
    {"lictor_workers", MetricKind::gauge, "", "Worker threads."},
    {"lictor_worker_heartbeat_age_seconds", MetricKind::gauge, "worker", "Seconds since the last iteration of a worker's event loop."},
    {"lictor_config_loaded_timestamp_seconds", MetricKind::gauge, "", "Wall-clock time at which the current configuration was read."},
    {"lictor_config_reload_failed", MetricKind::gauge, "", "1 if the configuration was rejected on the last HUP."},
    {"lictor_cache_max_entries", MetricKind::gauge, "", "Maximum number of cache entries."},
    {"lictor_cache_max_bytes", MetricKind::gauge, "", "Maximum size of the cache in bytes."},
    {"lictor_upstream_sent_total", MetricKind::counter, "upstream", "Queries sent to an upstream."},
    {"lictor_upstream_answered_total", MetricKind::counter, "upstream", "Replies of an upstream."},
    {"lictor_upstream_failed_total", MetricKind::counter, "upstream", "Replies of an upstream with an error such as SERVFAIL."},
    {"lictor_upstream_refused_total", MetricKind::counter, "upstream", "Replies of an upstream with REFUSED."},
    {"lictor_upstream_timeouts_total", MetricKind::counter, "upstream", "Queries that an upstream did not answer."},
    {"lictor_upstream_response_seconds", MetricKind::histogram, "upstream",
     "Time from sending a query to an upstream to its reply; queries without a reply are not included."},
    {"lictor_upstream_down", MetricKind::gauge, "upstream", "1 while an upstream is not used because it failed."},
    {"lictor_upstream_rtt_seconds", MetricKind::gauge, "upstream",
     "Smoothed round-trip time of an upstream, the maximum over all workers; 0 = no answer yet."},
    {"lictor_service_instances", MetricKind::gauge, "service,datacenter,state",
     "Instances of a service that lictor watches, by the state of their checks; an empty datacenter is the agent's own."},
    {"lictor_service_instances_left_out", MetricKind::gauge, "",
     "Services beyond the first 200, by name, that lictor_service_instances leaves out."},
    {"lictor_leader_state", MetricKind::gauge, "service,state", "1 for the current state of a leader scope, 0 for all other states."},
    {"lictor_leader_info", MetricKind::gauge, "service,scope,member,host", "Always 1; the labels identify the leader in answers."},
    {"lictor_leader_since_timestamp_seconds", MetricKind::gauge, "service",
     "Wall-clock time at which the answer for a leader last changed."},
    {"lictor_leader_timeline", MetricKind::gauge, "service", "Timeline of the leader, 0 = unknown."},
    {"lictor_leader_members", MetricKind::gauge, "service", "Members of a leader scope."},
    {"lictor_leader_member_lag_bytes", MetricKind::gauge, "service,member",
     "WAL bytes that a replica is behind the leader, by Patroni's keys; absent if they do not tell."},
    {"lictor_failovers_total", MetricKind::counter, "", "Leader changes, including those after which the same member was leader again."},
    {"lictor_leader_answers_late_total", MetricKind::counter, "",
     "Queries that were read after the loss of a leader was received, but were answered with its address."},
    {"lictor_failover_last_seconds", MetricKind::gauge, "service,phase", "Duration of each phase of a leader's last change."},
    {"lictor_failover_max_seconds", MetricKind::gauge, "phase", "Longest duration of each phase among the recorded leader changes."},
    {"lictor_consul_enabled", MetricKind::gauge, "", "1 if Consul is configured."},
    {"lictor_consul_contact_lost", MetricKind::gauge, "", "1 while the last known answers are given without contact with Consul."},
    {"lictor_view_generation", MetricKind::gauge, "", "Number of the current View."},
    {"lictor_watches", MetricKind::gauge, "kind,state", "Watches on Consul, by kind and state."},
};

/// A row of the table, looked up by name at compile time.
class StateMetric {
public:
    consteval StateMetric(const char* name) : row_(find(name)) {}  // NOLINT: implicit by design
    const StateMetricRow* operator->() const { return row_; }

private:
    static consteval const StateMetricRow* find(std::string_view name) {
        for (const auto& row : state_metric_rows)
            if (row.name == name) return &row;
        throw "no such metric family";
    }
    const StateMetricRow* row_;
};

}  // namespace lictor::metrics
