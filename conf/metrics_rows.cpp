// The rows follow from the two lists in metrics.hpp; nothing is written twice.
#include "conf/metrics_rows.hpp"

namespace lictor {
namespace {

#define LICTOR_WORKER_ROW(field, kind, name, label, help) {name, MetricKind::kind, label, help, &WorkerCounters::field},
constexpr MetricRow<WorkerCounters> worker_rows[] = {LICTOR_WORKER_METRICS(LICTOR_WORKER_ROW)};
#undef LICTOR_WORKER_ROW

#define LICTOR_CONTROL_ROW(field, kind, name, label, help) {name, MetricKind::kind, label, help, &ControlCounters::field},
constexpr MetricRow<ControlCounters> control_rows[] = {LICTOR_CONTROL_METRICS(LICTOR_CONTROL_ROW)};
#undef LICTOR_CONTROL_ROW

}  // namespace

std::span<const MetricRow<WorkerCounters>> worker_metric_rows() { return worker_rows; }
std::span<const MetricRow<ControlCounters>> control_metric_rows() { return control_rows; }

std::string_view word(MetricKind kind) { return kind == MetricKind::counter ? "counter" : "gauge"; }

}  // namespace lictor
