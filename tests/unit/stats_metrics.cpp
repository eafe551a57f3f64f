// Is /metrics valid for Prometheus (each family once, no duplicate sample, valid names, escaped labels), and is its size bounded?
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <optional>
#include <set>
#include <sstream>

#include "conf/metrics/metrics_state.hpp"
#include "resolver/documents/documents.hpp"
#include "resolver/documents/status_parts.hpp"
#include "tests/unit/stats_sample.hpp"

using namespace lictor;
using namespace lictor::catalog;
using namespace lictor::documents;
using namespace lictor::metrics;
using namespace lictor::view;
using lictor::test::hostile_text;
using lictor::test::StatsSample;

namespace {

struct Exposition {
    std::map<std::string, std::string> types;    ///< by family
    std::map<std::string, std::string> samples;  ///< `name{labels}` → value
    std::vector<std::string> errors;
};

struct Sample {
    std::string name, labels, value;
};

bool is_name(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; });
}

/// The length of `key="value"` at the start of `text`, 0 if there is none.
std::size_t label_size(std::string_view text) {
    const auto equals = text.find('=');
    if (equals == std::string_view::npos || !is_name(text.substr(0, equals)) || text.substr(equals + 1, 1) != "\"") return 0;
    for (std::size_t i = equals + 2; i < text.size(); ++i) {
        if (text[i] == '"') return i + 1;
        if (text[i] == '\\' && (++i == text.size() || (text[i] != '\\' && text[i] != '"' && text[i] != 'n'))) return 0;
    }
    return 0;
}

/// `name{key="value",…} number`.
std::optional<Sample> read_sample(std::string_view line) {
    const auto space = line.rfind(' ');
    const auto end = std::min(line.find('{'), space);
    if (space == std::string_view::npos || !is_name(line.substr(0, end))) return std::nullopt;
    const auto value = std::string(line.substr(space + 1));
    char* rest = nullptr;
    std::strtod(value.c_str(), &rest);
    if (value.empty() || *rest) return std::nullopt;
    auto labels = line.substr(end, space - end);
    Sample sample{std::string(line.substr(0, end)), std::string(labels), value};
    if (labels.empty()) return sample;
    if (!labels.ends_with('}')) return std::nullopt;
    for (labels = labels.substr(1);;) {
        const auto size = label_size(labels);
        if (!size) return std::nullopt;
        labels.remove_prefix(size);
        if (labels == "}") return sample;
        if (!labels.starts_with(',')) return std::nullopt;
        labels.remove_prefix(1);
    }
}

/// True if a sample of this name may follow the TYPE line of the family.
bool belongs(const std::string& name, const std::string& family, const std::string& type) {
    if (type != "histogram") return name == family;
    return name == family + "_bucket" || name == family + "_sum" || name == family + "_count";
}

/// Parses strictly the part of text format 0.0.4 that lictor uses.
Exposition read(const std::string& text) {
    Exposition out;
    std::istringstream lines(text);
    std::string line, family;
    std::set<std::string> helped;
    while (std::getline(lines, line)) {
        if (line.starts_with("# HELP ")) {
            const auto name = line.substr(7, line.find(' ', 7) - 7);
            if (!helped.insert(name).second) out.errors.push_back("HELP twice: " + name);
        } else if (line.starts_with("# TYPE ")) {
            family = line.substr(7, line.rfind(' ') - 7);
            if (!helped.contains(family)) out.errors.push_back("TYPE before HELP: " + family);
            if (!out.types.emplace(family, line.substr(line.rfind(' ') + 1)).second) out.errors.push_back("family twice: " + family);
        } else {
            const auto sample = read_sample(line);
            if (!sample) {
                out.errors.push_back("no sample: " + line);
                continue;
            }
            if (!belongs(sample->name, family, out.types[family])) out.errors.push_back("outside its family: " + line);
            if (!out.samples.emplace(sample->name + sample->labels, sample->value).second) out.errors.push_back("sample twice: " + line);
            if ((out.types[family] == "counter") != family.ends_with("_total")) out.errors.push_back("a counter ends in _total: " + family);
        }
    }
    if (!text.ends_with('\n')) out.errors.push_back("no line feed at the end");
    return out;
}

std::string first_errors(const Exposition& page) {
    std::string text;
    for (const auto& error : page.errors) text += error + '\n';
    return text;
}

/// promtool's output for the text, empty if it is valid. Sets `missing` if promtool is not installed.
std::string promtool(const std::string& text, bool& missing) {
    missing = std::system("command -v promtool >/dev/null 2>&1") != 0;
    if (missing) return "";
    char path[] = "/tmp/lictor-metrics-XXXXXX";
    const int fd = mkstemp(path);
    REQUIRE(fd >= 0);
    std::FILE* file = fdopen(fd, "w");
    std::fwrite(text.data(), 1, text.size(), file);
    std::fclose(file);
    std::FILE* pipe = popen(("promtool check metrics <" + std::string(path) + " 2>&1").c_str(), "r");
    std::string output;
    char buffer[512];
    while (std::fgets(buffer, sizeof buffer, pipe)) output += buffer;
    const int code = pclose(pipe);
    std::remove(path);
    return output.empty() && code != 0 ? "promtool fails" : output;
}

}  // namespace

TEST_CASE("metrics: families are whole, samples unique, values right") {
    StatsSample sample;
    auto page = read(metrics_text(sample.make()));
    CHECK(first_errors(page) == "");
    CHECK(page.samples["lictor_queries_total{transport=\"udp\"}"] == "42");
    CHECK(page.samples["lictor_cache_hits_total"] == "30");
    CHECK(page.samples["lictor_consul_requests_total"] == "77");
    CHECK(page.samples["lictor_build_info{version=\"1.2.3\"}"] == "1");
    CHECK(page.samples["lictor_uptime_seconds"] == "3723.5");
    CHECK(page.samples["process_resident_memory_bytes"] == std::to_string(14 << 20));
    CHECK(page.samples["lictor_upstream_sent_total{upstream=\"192.0.2.53#53\"}"] == "12");
    CHECK(page.samples["lictor_upstream_rtt_seconds{upstream=\"192.0.2.53#53\"}"] == "0.012345");
    CHECK(page.samples["lictor_upstream_down{upstream=\"127.0.0.1#8600\"}"] == "1");
    CHECK(page.samples["lictor_leader_state{service=\"pg\",state=\"led\"}"] == "1");
    CHECK(page.samples["lictor_leader_state{service=\"zz\",state=\"led\"}"] == "0");
    CHECK(page.samples["lictor_leader_state{service=\"zz\",state=\"vacant\"}"] == "1");
    CHECK(page.samples["lictor_leader_info{service=\"pg\",scope=\"pg\",member=\"member-1\",host=\"10.0.0.1\"}"] == "1");
    CHECK(page.samples["lictor_leader_member_lag_bytes{service=\"pg\",member=\"pg\"}"] == "4096");
    CHECK(page.samples["process_cpu_seconds_total"] == "1.5");
    CHECK(page.samples["process_max_fds"] == "1024");
    CHECK(page.samples["lictor_watches{kind=\"service\",state=\"known\"}"] == "1");
    CHECK(page.types["lictor_queries_total"] == "counter");
    CHECK(page.types["lictor_cache_entries"] == "gauge");
}

TEST_CASE("metrics: every row of the metric list has a sample") {
    StatsSample sample;
    auto page = read(metrics_text(sample.make()));
    const auto check_rows = [&](auto rows) {
        for (const auto& row : rows) {
            const auto key = std::string(row.name) + (row.label.empty() ? "" : '{' + std::string(row.label) + '}');
            INFO(key);
            CHECK(page.samples.contains(key));
            CHECK(page.types[std::string(row.name)] == word(row.kind));
        }
    };
    check_rows(worker_metric_rows());
    check_rows(control_metric_rows());
    for (const auto& row : worker_histogram_rows()) {
        INFO(row.name << row.label);
        CHECK(page.types[std::string(row.name)] == "histogram");
        const auto label = std::string(row.label);
        CHECK(page.samples.contains(std::string(row.name) + "_bucket{" + label + (label.empty() ? "" : ",") + "le=\"+Inf\"}"));
        for (const char* suffix : {"_sum", "_count"})
            CHECK(page.samples.contains(std::string(row.name) + suffix + (label.empty() ? "" : '{' + label + '}')));
    }
}

TEST_CASE("metrics: a histogram is cumulative, in seconds, and the sum of the workers") {
    StatsSample sample;
    auto status = sample.make();
    sample.first.response_cache.add(microseconds(100), 3);
    sample.second.response_cache.add(microseconds(101));
    sample.first.response_cache.add(seconds(11));
    status.upstreams[0].responses.add(milliseconds(30));
    auto page = read(metrics_text(status));
    CHECK(first_errors(page) == "");
    const auto of = [&](const std::string& le) { return page.samples["lictor_response_seconds_bucket{from=\"cache\",le=\"" + le + "\"}"]; };
    CHECK(of("0.0001") == "3");
    CHECK(of("0.00025") == "4");
    CHECK(of("10") == "4");
    CHECK(of("+Inf") == "5");
    CHECK(page.samples["lictor_response_seconds_count{from=\"cache\"}"] == "5");
    CHECK(page.samples["lictor_response_seconds_sum{from=\"cache\"}"] == "11.000401");
    CHECK(page.samples["lictor_upstream_response_seconds_bucket{upstream=\"192.0.2.53#53\",le=\"0.025\"}"] == "0");
    CHECK(page.samples["lictor_upstream_response_seconds_bucket{upstream=\"192.0.2.53#53\",le=\"0.05\"}"] == "1");
    CHECK(page.samples["lictor_upstream_response_seconds_sum{upstream=\"192.0.2.53#53\"}"] == "0.03");
}

TEST_CASE("metrics: durations fall into the bucket of the next higher bound") {
    CHECK(duration_bucket(microseconds(-5)) == 0);
    CHECK(duration_bucket(microseconds(0)) == 0);
    for (std::size_t i = 0; i < duration_bounds_us.size(); ++i) {
        CHECK(duration_bucket(microseconds(duration_bounds_us[i])) == i);
        CHECK(duration_bucket(microseconds(duration_bounds_us[i] + 1)) == i + 1);
    }
    Durations durations;
    durations.add(microseconds(-5));
    CHECK(durations.sum_us == 0);
    CHECK(durations.count() == 1);
}

TEST_CASE("metrics: instances by state, of 200 services at most, and the number of those left out") {
    auto services = std::make_shared<TableOf<ServiceEntry>>();
    for (int i = 0; i < 203; ++i) {
        ServiceEntry service;
        service.name = "s" + std::to_string(1000 + i);
        for (const auto health : {Health::passing, Health::critical, Health::critical}) {
            Instance instance;
            instance.health = health;
            service.instances.push_back(std::move(instance));
        }
        (*services)[service.name] = std::make_shared<ServiceEntry>(service);
    }
    auto catalog = std::make_shared<Catalog>();
    catalog->services = services;
    auto view = std::make_shared<View>();
    view->catalog = catalog;
    Status status;
    status.view = view;
    auto page = read(metrics_text(status));
    CHECK(first_errors(page) == "");
    const auto of = [&](const std::string& name, const std::string& state) {
        return page.samples["lictor_service_instances{service=\"" + name + "\",datacenter=\"\",state=\"" + state + "\"}"];
    };
    CHECK(of("s1000", "passing") == "1");
    CHECK(of("s1000", "warning") == "0");
    CHECK(of("s1199", "critical") == "2");
    CHECK(of("s1200", "critical") == "");
    CHECK(page.samples["lictor_service_instances_left_out"] == "3");
}

TEST_CASE("metrics: each family is in one of the lists, with its labels") {
    StatsSample sample;
    const auto page = read(metrics_text(sample.make()));
    std::set<std::string> listed;
    for (const auto& row : worker_metric_rows()) listed.emplace(row.name);
    for (const auto& row : control_metric_rows()) listed.emplace(row.name);
    for (const auto& row : worker_histogram_rows()) listed.emplace(row.name);
    for (const auto& row : state_metric_rows) {
        CHECK(listed.emplace(row.name).second);
        INFO(row.name);
        CHECK(page.types.contains(std::string(row.name)));
        std::size_t found = 0;
        for (const auto& [name, value] : page.samples) {
            const auto brace = name.find('{');
            if (!belongs(name.substr(0, brace), std::string(row.name), page.types.at(std::string(row.name)))) continue;
            ++found;
            std::string keys;
            for (auto rest = brace == std::string::npos ? std::string_view() : std::string_view(name).substr(brace + 1);
                 !rest.empty() && rest != "}";) {
                const auto key = std::string(rest.substr(0, rest.find('=')));
                if (row.kind != MetricKind::histogram || key != "le") keys += (keys.empty() ? "" : ",") + key;
                rest.remove_prefix(label_size(rest));
                if (rest.starts_with(',')) rest.remove_prefix(1);
            }
            CHECK(keys == row.labels);
        }
        CHECK((found > 0 || row.name.starts_with("lictor_failover_")));  // the sample has no fail-over; failovers.cpp checks these
    }
    for (const auto& [family, kind] : page.types) {
        INFO(family);
        CHECK(listed.contains(family));
    }
}

TEST_CASE("metrics: a hostile name stays one label, and different names stay different") {
    StatsSample sample;
    const auto hostile = read(metrics_text(sample.make(hostile_text())));
    CHECK(first_errors(hostile) == "");

    auto leaders = std::make_shared<TableOf<LeaderEntry>>();
    for (const char* name : {"a\xff", "a\xfe", "a\\255", "a\n", "a\""}) {
        LeaderEntry entry;
        entry.service = name;
        (*leaders)[name] = std::make_shared<LeaderEntry>(entry);
    }
    auto catalog = std::make_shared<Catalog>();
    catalog->leaders = leaders;
    auto view = std::make_shared<View>();
    view->catalog = catalog;
    Status status;
    status.view = view;
    const auto page = read(metrics_text(status));
    CHECK(first_errors(page) == "");
    CHECK(std::count_if(page.samples.begin(), page.samples.end(),
                        [](const auto& row) { return row.first.starts_with("lictor_leader_members"); }) == 5);
}

TEST_CASE("metrics: the page is valid and bounded for an empty Status and for very many names") {
    CHECK(first_errors(read(metrics_text(Status{}))) == "");
    auto leaders = std::make_shared<TableOf<LeaderEntry>>();
    for (int i = 0; i < 20'000; ++i) {
        LeaderEntry entry;
        entry.service = "service-" + std::to_string(i);
        (*leaders)[entry.service] = std::make_shared<LeaderEntry>(entry);
    }
    auto catalog = std::make_shared<Catalog>();
    catalog->leaders = leaders;
    auto view = std::make_shared<View>();
    view->catalog = catalog;
    Status status;
    status.view = view;
    for (int i = 0; i < 20'000; ++i) {
        status.watches.push_back({.kind = "service", .name = "s" + std::to_string(i), .datacenter = "", .state = "known", .why = ""});
        status.upstreams.push_back({.endpoint = {Address::v4(10, 0, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i)), 53}});
    }
    const auto text = metrics_text(status);
    CHECK(first_errors(read(text)) == "");
    CHECK(text.size() < 1'000'000);
}

TEST_CASE("metrics: promtool finds no problem") {
    StatsSample sample;
    for (const auto& text : {metrics_text(sample.make()), metrics_text(sample.make(hostile_text())), metrics_text(Status{})}) {
        bool missing = false;
        const auto output = promtool(text, missing);
        if (missing) WARN("skipped: promtool is not installed");
        CHECK(output == "");
    }
}
