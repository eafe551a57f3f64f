// The metric lists (metrics.hpp) as arrays of rows, for the exporters and the reference page.
#pragma once

#include <span>
#include <string_view>

#include "conf/metrics/metrics.hpp"

namespace lictor::metrics {

/// The TYPE of a metric family in the Prometheus text format.
enum class MetricKind { counter, gauge, histogram };

/// One value of `Counters`. Rows with the same name follow each other, differ in their label, and share kind and help.
template <class Counters>
struct MetricRow {
    std::string_view name;
    MetricKind kind;
    std::string_view label;  ///< `key="value"`, may be empty
    std::string_view help;
    Count Counters::*field;
};

/// One histogram of the workers. Rows with the same name follow each other, differ in their label, and share the help.
struct HistogramRow {
    std::string_view name;
    std::string_view label;  ///< `key="value"`, may be empty
    std::string_view help;
    Histogram WorkerCounters::*field;
};

/// All rows, in the order of /metrics; the worker's end with one row of lictor_causes_total for each cause. Valid for the process's life.
std::span<const MetricRow<WorkerCounters>> worker_metric_rows();
std::span<const MetricRow<ControlCounters>> control_metric_rows();
std::span<const HistogramRow> worker_histogram_rows();

/// `counter`, `gauge` or `histogram`.
std::string_view word(MetricKind kind);

// Keys of /stats.
/// `lictor_queries_total` → `queries`.
std::string_view key_of_metric(std::string_view name);
/// `transport="udp"` → `udp`; empty for an empty label. A view of `label`.
std::string_view value_of_label(std::string_view label);

}  // namespace lictor::metrics
