// Writes /metrics in Prometheus' text format 0.0.4. HELP and TYPE come once, before the lines of a family. Label values come from the
// configuration and Consul, never from queries, and the size of each family is limited. Text is escaped so that different texts stay
// different: Prometheus rejects a page in which a line occurs twice.
#include <array>
#include <cmath>
#include <cstdio>
#include <map>
#include <set>

#include "conf/base/printable.hpp"
#include "conf/metrics/metrics_rows.hpp"
#include "conf/metrics/metrics_state.hpp"
#include "resolver/documents/documents.hpp"
#include "resolver/documents/status_parts.hpp"
#include "resolver/rules/rules.hpp"
#include "watch/leader/leader.hpp"

namespace lictor::documents {
namespace {

constexpr std::size_t lines_of_family_max = 1000;
constexpr std::size_t services_counted_max = 200, instances_counted_max = 100'000;

/// `key="value"` for a value from outside.
std::string label(std::string_view key, std::string_view value) {
    std::string out(key);
    out += "=\"";
    for (const char c : printable(value, text_shown_max)) {
        if (c == '\\') out += '\\';
        out += c;
    }
    out += '"';
    return out;
}

class Families {
public:
    void begin(metrics::StateMetric metric) { begin(metric->name, metric->kind, metric->help); }
    void begin(std::string_view name, metrics::MetricKind kind, std::string_view help) {
        name_ = name;
        seen_.clear();
        text_ += "# HELP ";
        text_ += name;
        text_ += ' ';
        text_ += help;
        text_ += "\n# TYPE ";
        text_ += name;
        text_ += ' ';
        text_ += metrics::word(kind);
        text_ += '\n';
    }
    void line(const std::string& labels, std::uint64_t value) { write(labels, std::to_string(value)); }
    void line(const std::string& labels, double value) {
        char digits[48];
        std::snprintf(digits, sizeof digits, "%.15g", std::isfinite(value) ? value : 0.0);
        write(labels, digits);
    }
    /// The lines of one histogram, without `_bucket` and so on in the family's name. A histogram that does not fit is left out as a whole.
    void histogram(const std::string& labels, const metrics::Durations& durations) {
        if (seen_.size() + metrics::duration_buckets + 2 > lines_of_family_max) return;
        const auto name = name_;
        const std::string separator = labels.empty() ? "" : labels + ',';
        std::uint64_t below = 0;
        const auto as = [&](std::string_view suffix, const std::string& all, const std::string& value) {
            const std::string whole = std::string(name) + std::string(suffix);
            name_ = whole;
            write(all, value);
            name_ = name;
        };
        for (std::size_t i = 0; i < metrics::duration_buckets; ++i) {
            below += durations.in[i];
            const bool last = i == metrics::duration_bounds_us.size();
            as("_bucket", separator + "le=\"" + (last ? "+Inf" : seconds_text(metrics::duration_bounds_us[i])) + '"',
               std::to_string(below));
        }
        as("_sum", labels, seconds_text(durations.sum_us));
        seen_.erase(labels);
        as("_count", labels, std::to_string(below));
    }
    /// A family of one line.
    template <class Value>
    void gauge(metrics::StateMetric metric, Value value) {
        begin(metric);
        line("", value);
    }
    std::string take() { return std::move(text_); }

private:
    static std::string seconds_text(std::uint64_t us) {
        char digits[48];
        std::snprintf(digits, sizeof digits, "%.15g", static_cast<double>(us) / 1e6);
        return digits;
    }
    void write(const std::string& labels, std::string_view value) {
        if (seen_.size() >= lines_of_family_max || !seen_.insert(labels).second) return;
        text_ += name_;
        if (!labels.empty()) {
            text_ += '{';
            text_ += labels;
            text_ += '}';
        }
        text_ += ' ';
        text_ += value;
        text_ += '\n';
    }

    std::string text_;
    std::string_view name_;
    std::set<std::string> seen_;
};

template <class Row, class Value>
void write_rows(Families& out, std::span<const Row> rows, Value value) {
    std::string_view family;
    for (const auto& row : rows) {
        if (row.name != family) out.begin(row.name, row.kind, row.help);
        family = row.name;
        out.line(std::string(row.label), value(row));
    }
}

void write_process(Families& out, const Status& status) {
    out.gauge("process_cpu_seconds_total", status.process.cpu_seconds);
    out.gauge("process_resident_memory_bytes", status.process.resident_bytes);
    out.gauge("process_virtual_memory_bytes", status.process.virtual_bytes);
    out.gauge("process_open_fds", std::uint64_t{status.process.open_descriptors});
    out.gauge("process_max_fds", status.process.descriptors_max);
    out.gauge("process_start_time_seconds", static_cast<std::uint64_t>(status.started_unix));
    out.gauge("process_threads", std::uint64_t{status.process.threads});
    out.gauge("lictor_memory_max_bytes", status.memory.max);
    const auto by_kind = [&](metrics::StateMetric metric, const auto& numbers) {
        out.begin(metric);
        for (std::size_t i = 0; i < budget::kinds; ++i) out.line(label("kind", budget::kind_rows[i].word), std::uint64_t{numbers[i]});
    };
    by_kind("lictor_memory_bytes", status.memory.used);
    by_kind("lictor_memory_shed_total", status.memory.shed);
    out.begin("lictor_build_info");
    out.line(label("version", status.version), std::uint64_t{1});
    out.gauge("lictor_uptime_seconds", status.uptime_seconds);
    out.gauge("lictor_healthy", std::uint64_t{status.healthy});
    out.gauge("lictor_ready", std::uint64_t{status.ready});
    out.gauge("lictor_workers", std::uint64_t{status.workers.size()});
    out.begin("lictor_worker_heartbeat_age_seconds");
    for (std::size_t i = 0; i < status.heartbeat_age_seconds.size(); ++i)
        out.line(label("worker", std::to_string(i)), status.heartbeat_age_seconds[i]);
    out.gauge("lictor_config_loaded_timestamp_seconds", static_cast<std::uint64_t>(status.config_loaded_unix));
    out.gauge("lictor_config_reload_failed", std::uint64_t{!status.reload_errors.empty()});
    out.gauge("lictor_cache_max_entries", std::uint64_t{rules_of(status).cache_size} * status.workers.size());
    out.gauge("lictor_cache_max_bytes", std::uint64_t{rules_of(status).cache_bytes} * status.workers.size());
}

void write_upstreams(Families& out, const Status& status) {
    const auto family = [&](metrics::StateMetric metric, auto value) {
        out.begin(metric);
        for (const auto& row : status.upstreams) out.line(label("upstream", row.endpoint.text()), value(row));
    };
    using Report = forward::UpstreamReport;
    family("lictor_upstream_sent_total", [](const Report& r) { return r.sent; });
    family("lictor_upstream_answered_total", [](const Report& r) { return r.answered; });
    family("lictor_upstream_failed_total", [](const Report& r) { return r.failed; });
    family("lictor_upstream_refused_total", [](const Report& r) { return r.refused; });
    family("lictor_upstream_timeouts_total", [](const Report& r) { return r.timeouts; });
    out.begin("lictor_upstream_response_seconds");
    for (const auto& row : status.upstreams) out.histogram(label("upstream", row.endpoint.text()), row.responses);
    family("lictor_upstream_down", [](const Report& r) { return std::uint64_t{r.down}; });
    family("lictor_upstream_rtt_seconds", [](const Report& r) { return std::chrono::duration<double>(r.rtt).count(); });
}

void write_services(Families& out, const Status& status) {
    const auto services = services_in_order(catalog_of(status));
    std::size_t shown_services = 0, room = instances_counted_max;
    out.begin("lictor_service_instances");
    for (const auto* service : services) {
        if (shown_services == services_counted_max || service->instances.size() > room) break;
        ++shown_services;
        room -= service->instances.size();
        std::array<std::uint64_t, 3> count{};  // by Health
        for (const auto& instance : service->instances) ++count[static_cast<std::size_t>(instance.health)];
        for (const auto health : {catalog::Health::passing, catalog::Health::warning, catalog::Health::critical})
            out.line(label("service", service->name) + ',' + label("datacenter", service->datacenter) + ",state=\"" +
                         documents::word(health) + '"',
                     count[static_cast<std::size_t>(health)]);
    }
    out.gauge("lictor_service_instances_left_out", std::uint64_t{services.size() - shown_services});
}

void write_leaders(Families& out, const Status& status) {
    const auto entries = leaders_in_order(catalog_of(status));
    const auto family = [&](metrics::StateMetric metric, auto value) {
        out.begin(metric);
        for (const auto* entry : entries) out.line(label("service", entry->service), value(*entry));
    };
    out.begin("lictor_leader_state");
    for (const auto* entry : entries)
        for (const auto state : {catalog::LeaderState::loading, catalog::LeaderState::led, catalog::LeaderState::vacant,
                                 catalog::LeaderState::standby, catalog::LeaderState::unreadable, catalog::LeaderState::gone})
            out.line(label("service", entry->service) + ",state=\"" + leader::word(state) + '"', std::uint64_t{entry->state == state});
    out.begin("lictor_leader_info");
    for (const auto* entry : entries)
        if (entry->state == catalog::LeaderState::led)
            out.line(label("service", entry->service) + ',' + label("scope", entry->scope) + ',' + label("member", entry->member) + ',' +
                         label("host", entry->host.text),
                     std::uint64_t{1});
    family("lictor_leader_since_timestamp_seconds",
           [](const catalog::LeaderEntry& entry) { return static_cast<std::uint64_t>(std::max<std::int64_t>(0, entry.since_unix)); });
    family("lictor_leader_timeline", [](const catalog::LeaderEntry& entry) { return entry.timeline.value_or(0); });
    family("lictor_leader_members", [](const catalog::LeaderEntry& entry) { return std::uint64_t{entry.members.size()}; });
    out.begin("lictor_leader_member_lag_bytes");
    for (const auto* entry : entries)
        if (entry->replica_set)
            for (const auto& replica : entry->replica_set->replicas)
                if (replica.lag) out.line(label("service", entry->service) + ',' + label("member", replica.member), *replica.lag);
}

void write_failovers(Families& out, const Status& status) {
    static const failover::Failovers nothing;
    const auto& failovers = status.failovers ? *status.failovers : nothing;
    const auto in_seconds = [](microseconds span) { return std::chrono::duration<double>(span).count(); };
    out.begin("lictor_failovers_total");
    out.line("", failovers.total());
    out.begin("lictor_leader_answers_late_total");
    out.line("", failovers.answered_late());
    out.begin("lictor_failover_last_seconds");
    std::map<std::string, const failover::FailoverRecord*> last;
    for (const auto& record : failovers.records()) last[record.service] = &record;
    for (const auto& [service, record] : last)
        for (const auto& span : failover::failover_spans())
            if (const auto value = span.of(*record))
                out.line(label("service", service) + ',' + label("phase", span.name), in_seconds(*value));
    out.begin("lictor_failover_max_seconds");
    for (const auto& span : failover::failover_spans()) {
        std::optional<microseconds> most;
        for (const auto& record : failovers.records())
            if (const auto value = span.of(record)) most = std::max(most.value_or(*value), *value);
        if (most) out.line(label("phase", span.name), in_seconds(*most));
    }
}

void write_consul(Families& out, const Status& status) {
    const auto& catalog = catalog_of(status);
    out.gauge("lictor_consul_enabled", std::uint64_t{status.consul_on});
    out.gauge("lictor_consul_contact_lost", std::uint64_t{catalog.contact_lost});
    out.gauge("lictor_view_generation", status.view ? status.view->generation : std::uint64_t{0});
    std::map<std::pair<std::string, std::string>, std::uint64_t> watches;
    for (const auto& watch : status.watches) ++watches[{watch.kind, watch.state}];
    out.begin("lictor_watches");
    for (const auto& [of, count] : watches) out.line(label("kind", of.first) + ',' + label("state", of.second), count);
}

}  // namespace

std::string metrics_text(const Status& status) {
    Families out;
    write_process(out, status);
    write_rows(out, metrics::worker_metric_rows(), [&](const auto& row) { return total(status, row.field); });
    std::string_view family;
    for (const auto& row : metrics::worker_histogram_rows()) {
        if (row.name != family) out.begin(row.name, metrics::MetricKind::histogram, row.help);
        family = row.name;
        metrics::Durations all;
        for (const auto* worker : status.workers) all.add((worker->*row.field).get());
        out.histogram(std::string(row.label), all);
    }
    static const metrics::ControlCounters nothing;
    const auto& control = status.control ? *status.control : nothing;
    write_rows(out, metrics::control_metric_rows(), [&](const auto& row) { return (control.*row.field).get(); });
    write_upstreams(out, status);
    write_services(out, status);
    write_leaders(out, status);
    write_failovers(out, status);
    write_consul(out, status);
    return out.take();
}

}  // namespace lictor::documents
