// The families of /metrics that are no counters: what the process, its upstreams, leaders and watches are like at the moment of asking.
// One table; the exporter names a family by its name, and the compiler refuses one that is not here.
#pragma once

#include <string_view>

#include "conf/metrics_rows.hpp"

namespace lictor {

struct StateMetricRow {
    std::string_view name;
    MetricKind kind;
    std::string_view labels;  ///< keys, comma between them; empty: one line
    std::string_view help;
};

inline constexpr StateMetricRow state_metric_rows[] = {
    {"lictor_build_info", MetricKind::gauge, "version", "Always 1; the version is in the label."},
    {"lictor_start_timestamp_seconds", MetricKind::gauge, "", "Wall-clock time of the start."},
    {"lictor_uptime_seconds", MetricKind::gauge, "", "Seconds since the start."},
    {"lictor_healthy", MetricKind::gauge, "", "1 while every worker's loop turns."},
    {"lictor_ready", MetricKind::gauge, "", "1 once Consul was read and an upstream has answered."},
    {"lictor_resident_bytes", MetricKind::gauge, "", "Resident memory of the process."},
    {"lictor_open_descriptors", MetricKind::gauge, "", "Open file descriptors."},
    {"lictor_workers", MetricKind::gauge, "", "Workers of the data plane."},
    {"lictor_worker_heartbeat_age_seconds", MetricKind::gauge, "worker", "Seconds since a worker's loop last turned."},
    {"lictor_config_loaded_timestamp_seconds", MetricKind::gauge, "", "Wall-clock time at which the configuration in force was read."},
    {"lictor_config_reload_failed", MetricKind::gauge, "", "1 if the last HUP found a configuration that was refused."},
    {"lictor_cache_max_entries", MetricKind::gauge, "", "Bound of cache entries."},
    {"lictor_cache_max_bytes", MetricKind::gauge, "", "Bound of the cache's bytes."},
    {"lictor_upstream_sent_total", MetricKind::counter, "upstream", "Questions sent to an upstream."},
    {"lictor_upstream_answered_total", MetricKind::counter, "upstream", "Replies of an upstream."},
    {"lictor_upstream_failed_total", MetricKind::counter, "upstream", "Replies of an upstream that were of no use (SERVFAIL and its like)."},
    {"lictor_upstream_refused_total", MetricKind::counter, "upstream", "Replies REFUSED of an upstream."},
    {"lictor_upstream_timeouts_total", MetricKind::counter, "upstream", "Questions that an upstream left unanswered."},
    {"lictor_upstream_down", MetricKind::gauge, "upstream", "1 while an upstream is left aside."},
    {"lictor_upstream_rtt_seconds", MetricKind::gauge, "upstream", "Smoothed round-trip time of an upstream, the worst of all workers; 0 = never answered."},
    {"lictor_leader_state", MetricKind::gauge, "service,state", "1 for the state in which a leader scope is, 0 for the others."},
    {"lictor_leader_info", MetricKind::gauge, "service,scope,member,host", "Always 1; who is answered as leader is in the labels."},
    {"lictor_leader_since_timestamp_seconds", MetricKind::gauge, "service", "Wall-clock time at which the answer for a leader last changed."},
    {"lictor_leader_timeline", MetricKind::gauge, "service", "Timeline of the leader, 0 = not known."},
    {"lictor_leader_members", MetricKind::gauge, "service", "Members of a leader scope."},
    {"lictor_failovers_total", MetricKind::counter, "", "Changes of leader, those included after which the same one led again."},
    {"lictor_leader_answers_late_total", MetricKind::counter, "", "Questions read after lictor knew that a leader leads no more, and answered with its address all the same."},
    {"lictor_failover_last_seconds", MetricKind::gauge, "service,phase", "Phases of each leader's last change."},
    {"lictor_failover_max_seconds", MetricKind::gauge, "phase", "The longest phases of the changes that are remembered."},
    {"lictor_consul_enabled", MetricKind::gauge, "", "1 if Consul is configured."},
    {"lictor_consul_contact_lost", MetricKind::gauge, "", "1 while last known answers are given without contact with Consul."},
    {"lictor_view_generation", MetricKind::gauge, "", "Number of the View in force."},
    {"lictor_watches", MetricKind::gauge, "kind,state", "Watches on Consul, by kind and state."},
};

/// A row of the table, by a name that the compiler looks up.
class StateMetric {
public:
    consteval StateMetric(const char* name) : row_(find(name)) {}  // NOLINT: a name stands for its row
    const StateMetricRow* operator->() const { return row_; }

private:
    static consteval const StateMetricRow* find(std::string_view name) {
        for (const auto& row : state_metric_rows)
            if (row.name == name) return &row;
        throw "no such family";
    }
    const StateMetricRow* row_;
};

}  // namespace lictor
