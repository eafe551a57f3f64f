// Writes /stats, /health and /ready. conf/stats.schema.json describes /stats.
#include "conf/metrics/metrics.hpp"
#include "conf/metrics/metrics_rows.hpp"
#include "resolver/documents/documents.hpp"

#include <algorithm>
#include <map>

#include "resolver/documents/status_parts.hpp"
#include "resolver/rules/rules.hpp"

namespace lictor::documents {
namespace {

/// Rows of one metric become one key: a number, or with labels an object by label.
template <class Row, class Value>
void write_counters(JsonWriter& json, std::span<const Row> rows, Value value) {
    json.open_object();
    for (std::size_t i = 0; i < rows.size();) {
        const auto name = rows[i].name;
        json.key(metrics::key_of_metric(name));
        if (rows[i].label.empty()) {
            json.number(value(rows[i]));
            ++i;
            continue;
        }
        json.open_object();
        for (; i < rows.size() && rows[i].name == name; ++i) json.field(metrics::value_of_label(rows[i].label), value(rows[i]));
        json.close_object();
    }
    json.close_object();
}

void write_texts(JsonWriter& json, std::string_view key, const std::vector<std::string>& texts) {
    json.key(key).open_list();
    for (std::size_t i = 0; i < texts.size() && i < texts_shown_max; ++i) json.text(shown(texts[i]));
    json.close_list();
}

/// The worst fault in words, and the others.
void write_state(JsonWriter& json, const Status& status) {
    const auto write = [&](const lifecycle::Fault& fault) {
        json.field("level", lifecycle::word(fault.level));
        json.field("text", shown(fault.text));
    };
    json.key("state").open_object();
    if (status.faults.empty()) {
        json.field("level", "good");
        json.field("text", "no fault is known");
    } else {
        write(status.faults.front());
    }
    json.key("others").open_list();
    for (std::size_t i = 1; i < status.faults.size() && i < texts_shown_max; ++i) {
        json.open_object();
        write(status.faults[i]);
        json.close_object();
    }
    json.close_list();
    json.close_object();
}

void write_last_warnings(JsonWriter& json, const Status& status) {
    json.key("last_warnings").open_list();
    for (std::size_t i = 0; i < status.last_warnings.size() && i < texts_shown_max; ++i) {
        const auto& line = status.last_warnings[i];
        json.open_object();
        json.field("unix", line.unix_seconds);
        json.field("level", line.error ? "error" : "warning");
        json.field("text", shown(line.text));
        json.close_object();
    }
    json.close_list();
}

void write_config(JsonWriter& json, const Status& status) {
    json.key("config").open_object();
    write_texts(json, "files", status.config_files);
    json.field("loaded_unix", status.config_loaded_unix);
    write_texts(json, "reload_errors", status.reload_errors);
    json.close_object();
}

void write_cache(JsonWriter& json, const Status& status) {
    const auto hits = total(status, &metrics::WorkerCounters::cache_hits), misses = total(status, &metrics::WorkerCounters::cache_misses);
    const auto& rules = rules_of(status);
    json.key("cache").open_object();
    json.field("entries", total(status, &metrics::WorkerCounters::cache_entries));
    json.field("entries_max", rules.cache_size * std::max<std::size_t>(1, status.workers.size()));
    json.field("bytes", total(status, &metrics::WorkerCounters::cache_bytes));
    json.field("bytes_max", rules.cache_bytes * std::max<std::size_t>(1, status.workers.size()));
    json.field("hits", hits);
    json.field("misses", misses);
    json.key("hit_ratio");
    if (hits + misses) json.decimal(static_cast<double>(hits) / static_cast<double>(hits + misses));
    else json.null();
    json.field("insertions", total(status, &metrics::WorkerCounters::cache_insertions));
    json.field("evictions", total(status, &metrics::WorkerCounters::cache_evictions));
    json.field("flushed", total(status, &metrics::WorkerCounters::cache_flushed));
    json.close_object();
}

void write_memory(JsonWriter& json, const Status& status) {
    json.key("memory").open_object();
    json.field("bytes_max", status.memory.max);
    json.field("bytes", status.memory.used_in_all());
    const auto kinds = [&](const char* name, const auto& numbers) {
        json.key(name).open_object();
        for (std::size_t i = 0; i < budget::kinds; ++i) json.field(budget::kind_rows[i].word, numbers[i]);
        json.close_object();
    };
    kinds("by_kind", status.memory.used);
    kinds("shed", status.memory.shed);
    json.close_object();
}

bool is_agent(const Status& status, const Endpoint& endpoint) {
    const auto& upstreams = rules_of(status).upstreams;
    return std::any_of(upstreams.begin(), upstreams.end(), [&](const auto& row) { return row.agent_dns && row.endpoint == endpoint; });
}

void write_upstreams(JsonWriter& json, const Status& status) {
    json.key("upstreams").open_list();
    for (const auto& report : status.upstreams) {
        json.open_object();
        json.field("endpoint", report.endpoint.text());
        json.field("agent_dns", is_agent(status, report.endpoint));
        json.field("down", report.down);
        json.field("failing", report.failing);
        json.field("sent", report.sent);
        json.field("answered", report.answered);
        json.field("failed", report.failed);
        json.field("refused", report.refused);
        json.field("timeouts", report.timeouts);
        json.key("rtt_ms");
        if (report.rtt.count() > 0) json.decimal(static_cast<double>(report.rtt.count()) / 1000.0);
        else json.null();
        json.close_object();
    }
    json.close_list();
}

void write_settings(JsonWriter& json, const catalog::ConsulSettings& settings) {
    json.key("settings").open_object();
    write_texts(json, "domains", settings.domains);
    json.field("datacenter", settings.datacenter);
    json.field("node_name", shown(settings.node_name));
    json.field("agent_version", shown(settings.agent.version));
    json.field("strict", settings.agent.strict);
    json.field("only_passing", settings.only_passing);
    json.field("node_ttl_seconds", settings.node_ttl);
    json.key("service_ttl_seconds").open_object();
    for (const auto& [name, ttl] : settings.service_ttl) json.field(shown(name), ttl);
    json.close_object();
    json.field("udp_answer_limit", settings.udp_answer_limit);
    json.field("a_record_limit", settings.a_record_limit);
    json.field("enable_truncate", settings.enable_truncate);
    json.field("disable_compression", settings.disable_compression);
    json.field("enable_additional_node_meta_txt", settings.node_meta_txt);
    json.field("recursors", settings.recursors);
    json.field("translate_wan_addrs", settings.translate_wan);
    json.key("soa").open_object();
    json.field("refresh", settings.soa_refresh);
    json.field("retry", settings.soa_retry);
    json.field("expire", settings.soa_expire);
    json.field("min_ttl", settings.soa_min_ttl);
    json.close_object();
    json.close_object();
}

void write_consul(JsonWriter& json, const Status& status) {
    const auto& catalog = catalog_of(status);
    json.key("consul").open_object();
    json.field("on", status.consul_on);
    json.field("address", shown(status.consul_address));
    json.field("reachable", catalog.reachable);
    json.field("contact_lost", catalog.contact_lost);
    json.field("expired", catalog.expired);
    json.key("last_contact_unix");
    if (status.consul_last_contact_unix > 0) json.number(status.consul_last_contact_unix);
    else json.null();
    write_settings(json, *catalog.settings);
    json.close_object();
}

void write_view(JsonWriter& json, const Status& status) {
    const auto& catalog = catalog_of(status);
    json.key("view").open_object();
    json.field("generation", status.view ? status.view->generation : 0);
    json.field("services", catalog.services->size());
    json.field("node_tables", catalog.nodes->size());
    json.field("leaders", catalog.leaders->size());
    json.field("hosts", catalog.hosts->size());
    json.close_object();
}

void write_watches(JsonWriter& json, const Status& status) {
    std::map<std::string_view, std::size_t> by_kind, by_state;
    std::size_t stale = 0;
    for (const auto& watch : status.watches) {
        ++by_kind[watch.kind];
        ++by_state[watch.state];
        stale += watch.stale ? 1 : 0;
    }
    json.key("watches").open_object();
    json.field("total", status.watches.size());
    json.field("stale", stale);
    json.key("by_kind").open_object();
    for (const auto& [kind, count] : by_kind) json.field(shown(kind), count);
    json.close_object();
    json.key("by_state").open_object();
    for (const auto& [state, count] : by_state) json.field(shown(state), count);
    json.close_object();
    json.close_object();
}

void write_totals(JsonWriter& json, const Status& status) {
    json.key("totals");
    write_counters(json, metrics::worker_metric_rows(), [&](const auto& row) { return total(status, row.field); });
    json.key("control");
    static const metrics::ControlCounters nothing;
    const auto& control = status.control ? *status.control : nothing;
    write_counters(json, metrics::control_metric_rows(), [&](const auto& row) { return (control.*row.field).get(); });
    json.key("workers").open_list();
    for (std::size_t i = 0; i < status.workers.size(); ++i) {
        json.open_object();
        json.key("heartbeat_age_seconds");
        if (i < status.heartbeat_age_seconds.size()) json.decimal(status.heartbeat_age_seconds[i]);
        else json.null();
        json.key("counters");
        write_counters(json, metrics::worker_metric_rows(), [&](const auto& row) { return (status.workers[i]->*row.field).get(); });
        json.close_object();
    }
    json.close_list();
}

}  // namespace

std::string stats_json(const Status& status) {
    JsonWriter json;
    json.open_object();
    json.field("version", status.version);
    json.field("host", shown(status.host));
    json.field("started_unix", status.started_unix);
    json.field("uptime_seconds", status.uptime_seconds);
    json.field("healthy", status.healthy);
    json.field("ready", status.ready);
    json.field("not_ready_because", status.not_ready_because);
    write_state(json, status);
    write_texts(json, "warnings", status.warnings);
    write_last_warnings(json, status);
    json.field("threads", status.workers.size());
    json.key("listening").open_list();
    for (const auto& endpoint : status.listening) json.text(endpoint.text());
    json.close_list();
    write_config(json, status);
    json.key("process").open_object();
    json.field("resident_bytes", status.process.resident_bytes);
    json.field("open_descriptors", status.process.open_descriptors);
    json.close_object();
    write_memory(json, status);
    write_consul(json, status);
    json.key("leaders");
    write_leaders(json, status);
    write_watches(json, status);
    write_view(json, status);
    write_cache(json, status);
    write_upstreams(json, status);
    write_totals(json, status);
    json.close_object();
    return json.take();
}

std::string history_json(const Status& status, std::size_t last) {
    static const History nothing;
    const auto now_unix = status.started_unix + static_cast<std::int64_t>(status.uptime_seconds);
    return (status.history ? *status.history : nothing).json(last, status.now, now_unix);
}

std::string health_json(const Status& status) {
    JsonWriter json;
    json.open_object();
    json.field("healthy", status.healthy);
    json.key("heartbeat_age_seconds").open_list();
    for (const double age : status.heartbeat_age_seconds) json.decimal(age);
    json.close_list();
    json.close_object();
    return json.take();
}

std::string ready_json(const Status& status) {
    JsonWriter json;
    json.open_object();
    json.field("ready", status.ready);
    json.field("because", status.not_ready_because);
    write_texts(json, "warnings", status.warnings);
    json.close_object();
    return json.take();
}

}  // namespace lictor::documents
