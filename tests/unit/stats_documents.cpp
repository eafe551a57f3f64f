// Do /stats, /leaders and /services show the Status, in the form of conf/stats.schema.json, with hostile names and with many?
#include <catch2/catch.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "resolver/documents/documents.hpp"
#include "resolver/documents/json_writer.hpp"
#include "resolver/documents/status_parts.hpp"
#include "tests/unit/stats_sample.hpp"

using namespace lictor;
using namespace lictor::catalog;
using namespace lictor::documents;
using namespace lictor::view;
using lictor::test::hostile_text;
using lictor::test::StatsSample;
using Json = nlohmann::json;

namespace {

/// The part of JSON Schema 2020-12 that our schema uses; any other keyword is an error.
class SchemaCheck {
public:
    explicit SchemaCheck(const Json& schema) : schema_(schema) {}

    std::vector<std::string> check(const Json& document) {
        errors_.clear();
        visit(schema_, document, "");
        return errors_;
    }
    /// Properties of the schema that none of the checked documents had.
    std::vector<std::string> never_seen() const {
        std::vector<std::string> names;
        collect(schema_, names);
        for (const auto& [name, definition] : schema_.at("$defs").items()) collect(definition, names);
        return names;
    }

private:
    void complain(const std::string& path, const std::string& what) { errors_.push_back((path.empty() ? "/" : path) + ": " + what); }

    static bool is(const Json& value, const std::string& type) {
        if (type == "object") return value.is_object();
        if (type == "array") return value.is_array();
        if (type == "string") return value.is_string();
        if (type == "boolean") return value.is_boolean();
        if (type == "null") return value.is_null();
        if (type == "integer") return value.is_number_integer();
        return type == "number" && value.is_number();
    }

    void visit(const Json& rule, const Json& value, const std::string& path) {
        for (const auto& [keyword, argument] : rule.items()) {
            if (keyword == "$schema" || keyword == "title" || keyword == "description" || keyword == "$defs" || keyword == "properties")
                continue;
            if (keyword == "$ref") {
                const auto name = argument.get<std::string>();
                visit(schema_.at(Json::json_pointer(name.substr(1))), value, path);
            } else if (keyword == "type") {
                bool fits = false;
                if (argument.is_string()) fits = is(value, argument);
                else
                    for (const auto& type : argument) fits = fits || is(value, type);
                if (!fits) complain(path, "is " + value.dump().substr(0, 60) + ", not " + argument.dump());
            } else if (keyword == "enum") {
                if (std::find(argument.begin(), argument.end(), value) == argument.end())
                    complain(path, value.dump() + " is none of " + argument.dump());
            } else if (keyword == "minimum") {
                if (value.is_number() && value.get<double>() < argument.get<double>())
                    complain(path, value.dump() + " is below " + argument.dump());
            } else if (keyword == "maximum") {
                if (value.is_number() && value.get<double>() > argument.get<double>())
                    complain(path, value.dump() + " is above " + argument.dump());
            } else if (keyword == "required") {
                for (const auto& key : argument)
                    if (value.is_object() && !value.contains(key)) complain(path, "lacks " + key.get<std::string>());
            } else if (keyword == "items") {
                for (std::size_t i = 0; value.is_array() && i < value.size(); ++i)
                    visit(argument, value[i], path + '/' + std::to_string(i));
            } else if (keyword == "additionalProperties") {
                visit_members(rule, argument, value, path);
            } else {
                complain(path, "the check does not know the keyword " + keyword);
            }
        }
    }

    void visit_members(const Json& rule, const Json& others, const Json& value, const std::string& path) {
        if (!value.is_object()) return;
        static const Json none = Json::object();
        const Json& known = rule.contains("properties") ? rule["properties"] : none;
        for (const auto& [key, item] : value.items()) {
            if (known.contains(key)) {
                seen_.insert(&known[key]);
                visit(known[key], item, path + '/' + key);
            } else if (others.is_object()) {
                visit(others, item, path + '/' + key);
            } else {
                complain(path, "has " + key + ", which conf/stats.schema.json does not know: describe it there");
            }
        }
    }

    void collect(const Json& rule, std::vector<std::string>& names) const {
        if (rule.contains("items")) collect(rule["items"], names);
        if (!rule.contains("properties")) return;
        for (const auto& [key, property] : rule["properties"].items()) {
            if (!seen_.contains(&property)) names.push_back(key);
            collect(property, names);
        }
    }

    const Json& schema_;
    std::vector<std::string> errors_;
    std::set<const Json*> seen_;
};

Json schema() {
    std::ifstream file(LICTOR_SOURCE_DIR "/conf/stats.schema.json");
    return Json::parse(file);
}

std::string lines_of(const std::vector<std::string>& texts) {
    std::string text;
    for (const auto& line : texts) text += line + '\n';
    return text;
}

Json find_by(const Json& list, const std::string& key, const std::string& value) {
    for (const auto& item : list)
        if (item.at(key) == value) return item;
    return nullptr;
}

}  // namespace

TEST_CASE("stats: document and schema have the same properties") {
    const Json rules = schema();
    SchemaCheck check(rules);
    StatsSample sample;
    const auto errors = check.check(Json::parse(stats_json(sample.make())));
    CHECK(lines_of(errors) == "");
    CHECK(lines_of(check.never_seen()) == "");
}

TEST_CASE("stats: an empty Status is valid by the schema") {
    const Json rules = schema();
    CHECK(lines_of(SchemaCheck(rules).check(Json::parse(stats_json(Status{})))) == "");
}

TEST_CASE("stats: the schema check reports invalid documents") {
    const Json rules = schema();
    StatsSample sample;
    const Json good = Json::parse(stats_json(sample.make()));
    const auto spoil = [&](const char* pointer, const Json& value) {
        Json bad = good;
        bad[Json::json_pointer(pointer)] = value;
        return SchemaCheck(rules).check(bad).size();
    };
    CHECK(spoil("/surprise", 1) == 1);
    CHECK(spoil("/uptime_seconds", "long") == 1);
    CHECK(spoil("/totals/queries/udp", -1) == 1);
    CHECK(spoil("/totals/queries/quic", 1) == 1);
    CHECK(spoil("/leaders/0/state", "dancing") == 1);
    CHECK(spoil("/leaders/0/members/0/port", 70000) == 1);
    Json lacking = good;
    lacking["consul"].erase("on");
    CHECK(SchemaCheck(rules).check(lacking).size() == 1);
}

TEST_CASE("stats: the schema describes every property and allows no others") {
    const std::function<void(const Json&, const std::string&)> walk = [&](const Json& rule, const std::string& path) {
        INFO(path);
        if (rule.contains("properties")) {
            CHECK(rule.value("additionalProperties", true) == false);
            for (const auto& [key, property] : rule["properties"].items()) {
                INFO(key);
                CHECK((property.contains("description") || property.contains("$ref")));
                walk(property, path + '/' + key);
            }
        }
        if (rule.contains("items")) walk(rule["items"], path + "[]");
    };
    const Json rules = schema();
    walk(rules, "");
    for (const auto& [name, definition] : rules["$defs"].items()) walk(definition, name);
}

TEST_CASE("stats: the document has the sums over the workers and the counters of each worker") {
    StatsSample sample;
    const Json stats = Json::parse(stats_json(sample.make()));
    CHECK(stats["totals"]["queries"]["udp"] == 42);
    CHECK(stats["totals"]["queries"]["tcp"] == 5);
    CHECK(stats["workers"][0]["counters"]["queries"]["udp"] == 40);
    CHECK(stats["workers"][1]["counters"]["queries"]["udp"] == 2);
    CHECK(stats["workers"][1]["heartbeat_age_seconds"] == 0.5);
    CHECK(stats["control"]["consul_requests"] == 77);
    CHECK(stats["cache"]["hit_ratio"] == 0.75);
    CHECK(stats["cache"]["entries_max"] == 20000);
    CHECK(stats["upstreams"][0]["endpoint"] == "192.0.2.53#53");
    CHECK(stats["upstreams"][0]["rtt_ms"] == 12.345);
    CHECK(stats["upstreams"][0]["agent_dns"] == false);
    CHECK(stats["upstreams"][1]["rtt_ms"] == nullptr);
    CHECK(stats["upstreams"][1]["agent_dns"] == true);
    CHECK(stats["watches"]["by_state"] == Json{{"known", 1}, {"led", 1}});
    CHECK(stats["watches"]["stale"] == 1);
    CHECK(stats["view"]["generation"] == 6);
}

TEST_CASE("leaders: the document has state, age, reason and answer of each leader") {
    StatsSample sample;
    const Json answer = Json::parse(leaders_json(sample.make()));
    REQUIRE(answer["leaders"].size() == 2);
    const Json led = find_by(answer["leaders"], "scope", "pg");
    CHECK(led["state"] == "led");
    CHECK(led["reason"] == "confirmed");
    CHECK(led["answer"] == "address");
    CHECK(led["name"] == "master.pg.service.consul");
    CHECK(led["member"] == "member-1");
    CHECK(led["addresses"] == Json{"10.0.0.1"});
    CHECK(led["port"] == 5432);
    CHECK(led["timeline"] == 3);
    CHECK(led["age_seconds"] == 1000);
    CHECK(led["members"][0]["leads"] == true);
    CHECK(led["members"][1]["leads"] == false);
    CHECK(led["members"][1]["lsn"] == nullptr);
    const Json vacant = find_by(answer["leaders"], "scope", "zz");
    CHECK(vacant["answer"] == "withdrawn");
    CHECK(vacant["addresses"].empty());
    CHECK(vacant["members"][0]["leads"] == false);
}

TEST_CASE("leaders: a host name is shown with its resolved addresses, else with its node's address") {
    Catalog catalog;
    LeaderEntry entry;
    entry.state = LeaderState::led;
    entry.host = HostText("pg1.example");
    entry.node_address = HostText("10.0.0.9");
    CHECK(leader_addresses(catalog, entry) == std::vector{Address::v4(10, 0, 0, 9)});
    HostEntry host;
    host.state = FactState::known;
    host.v4 = {Address::v4(10, 0, 0, 7)};
    auto hosts = std::make_shared<TableOf<HostEntry>>();
    (*hosts)["pg1.example"] = std::make_shared<HostEntry>(host);
    catalog.hosts = hosts;
    CHECK(leader_addresses(catalog, entry) == std::vector{Address::v4(10, 0, 0, 7)});
    entry.state = LeaderState::vacant;
    CHECK(leader_addresses(catalog, entry).empty());
}

TEST_CASE("services: the document has watches and instances") {
    StatsSample sample;
    const Json answer = Json::parse(services_json(sample.make()));
    CHECK(answer["watches_total"] == 2);
    CHECK(answer["watches"][0]["kind"] == "service");
    CHECK(answer["watches"][0]["asked_seconds"] == nullptr);
    CHECK(answer["watches"][1]["asked_seconds"] == 3);
    CHECK(answer["services"][0]["name"] == "pg");
    CHECK(answer["services"][0]["instances"][0]["node_address"] == "10.0.0.1");
    CHECK(answer["services"][0]["instances"][0]["health"] == "passing");
    CHECK(answer["services"][0]["passing"] == 1);
    CHECK(answer["services"][0]["answered"] == 1);
    CHECK(answer["services"][0]["answer"] == "instances");
}

TEST_CASE("services: what a query gets now, by the instances' health") {
    const auto answer = [](Health health, bool only_passing, FactState state = FactState::known, bool expired = false) {
        auto settings = std::make_shared<ConsulSettings>();
        settings->only_passing = only_passing;
        ServiceEntry service;
        service.name = "web";
        service.state = state;
        Instance instance;
        instance.health = health;
        service.instances = {instance, instance};
        auto services = std::make_shared<TableOf<ServiceEntry>>();
        (*services)[service.name] = std::make_shared<ServiceEntry>(service);
        auto catalog = std::make_shared<Catalog>();
        catalog->settings = settings;
        catalog->services = services;
        catalog->expired = expired;
        auto view = std::make_shared<View>();
        view->catalog = catalog;
        Status status;
        status.view = view;
        return Json::parse(services_json(status))["services"][0];
    };
    CHECK(answer(Health::passing, true)["answered"] == 2);
    CHECK(answer(Health::warning, false)["answer"] == "instances");
    CHECK(answer(Health::warning, false)["warning"] == 2);
    CHECK(answer(Health::warning, true)["answer"] == "NXDOMAIN");
    CHECK(answer(Health::critical, false)["answer"] == "NXDOMAIN");
    CHECK(answer(Health::critical, false)["critical"] == 2);
    CHECK(answer(Health::critical, false)["answered"] == 0);
    CHECK(answer(Health::passing, false, FactState::loading)["answer"] == "held");
    CHECK(answer(Health::passing, false, FactState::failed)["answer"] == "SERVFAIL");
    CHECK(answer(Health::passing, false, FactState::delegated)["answer"] == "the agent's DNS");
    CHECK(answer(Health::passing, false, FactState::known, true)["answer"] == "SERVFAIL");
}

TEST_CASE("services and leaders: lists are bounded, with the full counts") {
    auto catalog = std::make_shared<Catalog>();
    auto services = std::make_shared<TableOf<ServiceEntry>>();
    auto leaders = std::make_shared<TableOf<LeaderEntry>>();
    ServiceEntry service;
    for (std::size_t i = 0; i < instances_shown_max + 10; ++i) service.instances.push_back(Instance{});
    for (std::size_t i = 0; i < services_shown_max + 10; ++i) {
        service.name = "s" + std::to_string(i);
        (*services)[service.name] = std::make_shared<ServiceEntry>(service);
        LeaderEntry leader;
        leader.service = service.name;
        (*leaders)[service.name] = std::make_shared<LeaderEntry>(leader);
    }
    catalog->services = services;
    catalog->leaders = leaders;
    auto view = std::make_shared<View>();
    view->catalog = catalog;
    Status status;
    status.view = view;
    status.watches.resize(watches_shown_max + 10);
    const Json answer = Json::parse(services_json(status));
    CHECK(answer["services_total"] == services_shown_max + 10);
    CHECK(answer["services"].size() == services_shown_max);
    CHECK(answer["watches"].size() == watches_shown_max);
    CHECK(answer["services"][0]["instances"].size() == instances_shown_max);
    CHECK(answer["services"][0]["instances_total"] == instances_shown_max + 10);
    std::size_t instances = 0;
    for (const auto& row : answer["services"]) instances += row["instances"].size();
    CHECK(instances == instances_shown_total_max);
    const Json led = Json::parse(leaders_json(status));
    CHECK(led["leaders"].size() == leaders_shown_max);
    CHECK(led["leaders_total"] == services_shown_max + 10);
}

TEST_CASE("stats: hostile names do not break a document") {
    StatsSample sample;
    const Status status = sample.make(hostile_text());
    const Json rules = schema();
    for (const std::string& text : {stats_json(status), leaders_json(status), services_json(status), history_json(status, 600)}) {
        CHECK_NOTHROW(Json::parse(text));
        CHECK(text.find("</script") == std::string::npos);
        for (const char c : text.substr(0, text.size() - 1)) REQUIRE(static_cast<unsigned char>(c) >= 0x20);
    }
    CHECK(lines_of(SchemaCheck(rules).check(Json::parse(stats_json(status)))) == "");
    const Json shown = Json::parse(leaders_json(status));
    CHECK(shown["leaders"][0]["scope"].get<std::string>().starts_with("a\nb\r\t\x1b[2J\"'\\ </script><b>&\xEF\xBF\xBD"));
}

TEST_CASE("stats: the state has the worst fault first, and is good only without a fault") {
    StatsSample sample;
    Status status = sample.make();
    auto state = Json::parse(stats_json(status))["state"];
    CHECK(state["level"] == "bad");
    CHECK(state["text"] == "pg: nobody leads for 3 s");
    CHECK(state["others"] == Json{{{"level", "notice"}, {"text", "pg"}}});
    status.faults.clear();
    state = Json::parse(stats_json(status))["state"];
    CHECK(state["level"] == "good");
    CHECK(state["others"].empty());
    status.faults.resize(500);
    status.last_warnings.resize(500);
    const auto stats = Json::parse(stats_json(status));
    CHECK(stats["state"]["others"].size() == texts_shown_max - 1);
    CHECK(stats["last_warnings"].size() == texts_shown_max);
    CHECK(Json::parse(history_json(sample.make(), 600))["queries"] == Json{0.0, 10.0, 10.0, 10.0});
    CHECK(Json::parse(history_json(Status{}, 600))["points"] == 0);
}

TEST_CASE("stats: /health and /ready report their state") {
    StatsSample sample;
    Status status = sample.make();
    CHECK(Json::parse(health_json(status)) == Json{{"healthy", true}, {"heartbeat_age_seconds", {0.25, 0.5}}});
    CHECK(Json::parse(ready_json(status)) ==
          Json{{"ready", false}, {"because", "no upstream has answered yet"}, {"warnings", {"leader zz: queries are held"}}});
}

TEST_CASE("json writer: nlohmann reads back any bytes, with U+FFFD for invalid UTF-8") {
    std::string all;
    for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
    const auto round = [](const std::string& text) {
        JsonWriter json;
        json.open_list().text(text).close_list();
        return Json::parse(json.take())[0].get<std::string>();
    };
    std::string expected = all.substr(0, 128);
    for (int i = 128; i < 256; ++i) expected += "\xEF\xBF\xBD";
    CHECK(round(all) == expected);
    CHECK(round("größe 日本 \xF0\x9F\x98\x80") == "größe 日本 \xF0\x9F\x98\x80");
    CHECK(round("\xC0\xAF") == "\xEF\xBF\xBD\xEF\xBF\xBD");      // an overlong slash
    CHECK(round("\xED\xA0\x80").size() == 9);                    // a surrogate
    CHECK(round("\xF4\x90\x80\x80").size() == 12);               // past U+10FFFF
    CHECK(round("ok\xE2\x82") == "ok\xEF\xBF\xBD\xEF\xBF\xBD");  // cut short
    CHECK(round("\xF4\x8F\xBF\xBF\xE0\xA0\x80\xEE\x80\x80") == "\xF4\x8F\xBF\xBF\xE0\xA0\x80\xEE\x80\x80");
}

TEST_CASE("json writer: numbers are rounded, and a number that JSON cannot have is null") {
    const auto shown = [](double value) {
        JsonWriter json;
        json.decimal(value);
        return json.take();
    };
    CHECK(shown(1.5) == "1.5\n");
    CHECK(shown(2) == "2\n");
    CHECK(shown(100) == "100\n");
    CHECK(shown(-0.0001) == "0\n");
    CHECK(shown(0.0004) == "0\n");
    CHECK(shown(1.0 / 0.0) == "null\n");
    CHECK(shown(1e300) == "null\n");
    JsonWriter json;
    json.open_object()
        .field("a", std::uint64_t{18446744073709551615u})
        .field("b", std::int64_t{-1})
        .key("c")
        .open_list()
        .number(1)
        .number(2)
        .close_list();
    json.key("d").open_object().close_object().field("e", false).key("f").null().close_object();
    CHECK(json.take() == "{\"a\":18446744073709551615,\"b\":-1,\"c\":[1,2],\"d\":{},\"e\":false,\"f\":null}\n");
}
