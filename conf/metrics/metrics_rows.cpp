// Generates the rows from the lists in metrics.hpp and causes.hpp.
#include "conf/metrics/metrics_rows.hpp"

namespace lictor::metrics {
namespace {

#define LICTOR_WORKER_ROW(field, kind, name, label, help) {name, MetricKind::kind, label, help, &WorkerCounters::field},
#define LICTOR_CAUSE_ROW(word, ...)                                     \
    {"lictor_causes_total", MetricKind::counter, "cause=\"" #word "\"", \
     "Replies that report a failure, or whose records are stale, filtered or withheld, by cause.", &WorkerCounters::cause_##word},
constexpr MetricRow<WorkerCounters> worker_rows[] = {LICTOR_WORKER_METRICS(LICTOR_WORKER_ROW) LICTOR_CAUSES(LICTOR_CAUSE_ROW)};
#undef LICTOR_CAUSE_ROW
#undef LICTOR_WORKER_ROW

#define LICTOR_CONTROL_ROW(field, kind, name, label, help) {name, MetricKind::kind, label, help, &ControlCounters::field},
constexpr MetricRow<ControlCounters> control_rows[] = {LICTOR_CONTROL_METRICS(LICTOR_CONTROL_ROW)};
#undef LICTOR_CONTROL_ROW

#define LICTOR_HISTOGRAM_ROW(field, name, label, help) {name, label, help, &WorkerCounters::field},
constexpr HistogramRow histogram_rows[] = {LICTOR_WORKER_HISTOGRAMS(LICTOR_HISTOGRAM_ROW)};
#undef LICTOR_HISTOGRAM_ROW

}  // namespace

std::span<const MetricRow<WorkerCounters>> worker_metric_rows() { return worker_rows; }
std::span<const MetricRow<ControlCounters>> control_metric_rows() { return control_rows; }
std::span<const HistogramRow> worker_histogram_rows() { return histogram_rows; }

std::string_view word(MetricKind kind) {
    return kind == MetricKind::counter ? "counter" : kind == MetricKind::gauge ? "gauge" : "histogram";
}

std::string_view key_of_metric(std::string_view name) {
    constexpr std::string_view prefix = "lictor_", suffix = "_total";
    if (name.starts_with(prefix)) name.remove_prefix(prefix.size());
    if (name.ends_with(suffix)) name.remove_suffix(suffix.size());
    return name;
}

std::string_view value_of_label(std::string_view label) {
    const auto open = label.find('"');
    return open == std::string_view::npos ? std::string_view{} : label.substr(open + 1, label.rfind('"') - open - 1);
}

}  // namespace lictor::metrics
