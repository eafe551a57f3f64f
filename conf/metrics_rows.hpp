// The metric list as rows that can be walked: what the exporters and the reference page read.
#pragma once

#include <span>
#include <string_view>

#include "conf/metrics.hpp"

namespace lictor {

enum class MetricKind { counter, gauge };

/// One value of `Counters`. Rows with the same name follow each other, differ in their label, and share kind and help.
template <class Counters>
struct MetricRow {
    std::string_view name;
    MetricKind kind;
    std::string_view label;  ///< `key="value"`, may be empty
    std::string_view help;
    Count Counters::*field;
};

std::span<const MetricRow<WorkerCounters>> worker_metric_rows();
std::span<const MetricRow<ControlCounters>> control_metric_rows();

std::string_view word(MetricKind kind);

}  // namespace lictor
