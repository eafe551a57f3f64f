// Are Consul's bodies parsed into facts, and hostile bodies rejected? The bodies are those of a 1.8.7 agent, shortened, and values that
// Patroni's versions write.
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "tests/unit/patroni_kv.hpp"
#include "watch/json/agent.hpp"
#include "watch/json/consul.hpp"
#include "watch/json/tree.hpp"

using namespace lictor;
using namespace lictor::catalog;
using namespace lictor::json;
using lictor::test::encode_base64;
using lictor::test::Kv;

namespace {

const std::string node_a = R"({"ID":"637c631e-2f0f-7490-f70d-bef2af0ee1e1","Node":"Node-A","Address":"10.1.0.1","Datacenter":"dc1",)"
                           R"("TaggedAddresses":{"lan":"10.1.0.1","lan_ipv4":"10.1.0.1","wan":"192.0.2.1","wan_ipv4":"192.0.2.1"},)"
                           R"("Meta":{"rack":"7","consul-network-segment":""},"CreateIndex":10,"ModifyIndex":12})";
const std::string serf_passing = R"({"Node":"Node-A","CheckID":"serfHealth","Status":"passing","ServiceID":"","ServiceName":""})";

std::string check(const std::string& id, const std::string& status, const std::string& service_id, const std::string& service_name) {
    return R"({"CheckID":")" + id + R"(","Status":")" + status + R"(","ServiceID":")" + service_id + R"(","ServiceName":")" + service_name +
           R"("})";
}

/// One entry of health/service; the parts are JSON.
struct Entry {
    std::string node = node_a;
    std::string service = R"({"ID":"pg/a","Service":"pg","Tags":["Master"],"Address":"","Port":5432})";
    std::string checks = "[" + serf_passing + "]";
    std::string text() const { return R"({"Node":)" + node + R"(,"Service":)" + service + R"(,"Checks":)" + checks + "}"; }
};

std::string with_port(const std::string& port) {
    return R"({"ID":"pg/a","Service":"pg","Tags":[],"Address":"10.0.0.1","Port":)" + port + "}";
}

Instance only_instance(const Entry& entry) {
    const auto body = parse_health_service("[" + entry.text() + "]");
    REQUIRE(body);
    REQUIRE(body->instances.size() == 1);
    return body->instances.front();
}

std::string repeated(std::string_view text, std::size_t times) {
    std::string out;
    out.reserve(text.size() * times);
    for (std::size_t i = 0; i < times; ++i) out += text;
    return out;
}

}  // namespace

// ---- health/service, catalog/nodes

TEST_CASE("an instance is read with its node, tags, addresses, port and health", "[json]") {
    Entry entry;
    entry.service = R"({"ID":"pg/a","Service":"pg","Tags":["Master","PRIMARY"],"Address":"db.example",)"
                    R"("TaggedAddresses":{"lan_ipv4":{"Address":"10.0.0.1","Port":5432},"lan_ipv6":{"Address":"fd00::1","Port":5432},)"
                    R"("wan":{"Address":"198.51.100.1","Port":6432},"wan_ipv4":{"Address":"198.51.100.1","Port":6432}},)"
                    R"("Meta":null,"Port":5432,"Weights":{"Passing":10,"Warning":3},"Proxy":{"Expose":{}},"Connect":{}})";
    entry.checks = "[" + serf_passing + "," + check("service:pg/a", "warning", "pg/a", "pg") + "]";
    const Instance got = only_instance(entry);
    CHECK(got.id == "pg/a");
    CHECK(got.name == "pg");
    CHECK(got.tags == std::vector<std::string>{"master", "primary"});
    CHECK(got.address.text == "db.example");
    CHECK_FALSE(got.address.ip);
    CHECK(got.tagged.lan_ipv4.ip == Address::v4(10, 0, 0, 1));
    CHECK(got.tagged.lan_ipv6.text == "fd00::1");
    CHECK(got.tagged.wan_port == 6432);
    CHECK(got.tagged.wan_ipv6.empty());
    CHECK(got.port == 5432);
    CHECK(got.health == Health::warning);
    CHECK_FALSE(got.node_critical);
    CHECK(got.weight == 3);
    CHECK(got.node->name == "Node-A");
    CHECK(got.node->name_lower == "node-a");
    CHECK(got.node->id == "637c631e-2f0f-7490-f70d-bef2af0ee1e1");
    CHECK(got.node->datacenter == "dc1");
    CHECK(got.node->address.ip == Address::v4(10, 1, 0, 1));
    CHECK(got.node->tagged.wan.text == "192.0.2.1");
    CHECK(got.node->meta == std::vector<std::pair<std::string, std::string>>{{"rack", "7"}, {"consul-network-segment", ""}});
}

TEST_CASE("instances on the same node share its record", "[json]") {
    Entry other;
    other.node = R"({"Node":"Node-B","Address":"10.1.0.2"})";
    const auto body = parse_health_service("[" + Entry{}.text() + "," + other.text() + "," + Entry{}.text() + "]");
    REQUIRE(body);
    REQUIRE(body->instances.size() == 3);
    CHECK(body->instances[0].node == body->instances[2].node);
    CHECK(body->instances[0].node != body->instances[1].node);

    // Two nodes may have the same name: one may be a peer's.
    other.node = R"({"Node":"Node-A","Address":"10.7.7.7"})";
    const auto namesakes = parse_health_service("[" + Entry{}.text() + "," + other.text() + "]");
    REQUIRE(namesakes);
    CHECK(namesakes->instances[0].node->address.text == "10.1.0.1");
    CHECK(namesakes->instances[1].node->address.text == "10.7.7.7");
}

TEST_CASE("the checks of an entry are its health, and serfHealth decides whether the node failed", "[json]") {
    struct Row {
        std::string checks;
        Health health;
        bool node_critical;
    };
    const std::string serf_critical = check("serfHealth", "critical", "", "");
    const std::vector<Row> rows{
        {"[]", Health::passing, false},
        {"null", Health::passing, false},
        {"[" + serf_passing + "]", Health::passing, false},
        {"[" + check("c", "warning", "pg/a", "pg") + "," + serf_passing + "]", Health::warning, false},
        {"[" + check("c", "critical", "pg/a", "pg") + "," + serf_passing + "]", Health::critical, false},
        {"[" + serf_critical + "]", Health::critical, true},
        {"[" + serf_passing + "," + check("disk", "critical", "", "") + "]", Health::critical, false},
        {"[" + check("ping", "critical", "", "") + "]", Health::critical, true},  // not in gossip: it has only its own checks
        {"[" + check("_service_maintenance:pg/a", "critical", "pg/a", "pg") + "]", Health::critical, false},
        {"[" + check("c", "odd", "pg/a", "pg") + "]", Health::warning, false},
    };
    for (const auto& row : rows) {
        INFO(row.checks);
        Entry entry;
        entry.checks = row.checks;
        const Instance got = only_instance(entry);
        CHECK(got.health == row.health);
        CHECK(got.node_critical == row.node_critical);
    }
}

TEST_CASE("the SRV weight follows the worst check of the service or the node", "[json]") {
    struct Row {
        std::string weights, checks;
        unsigned weight;
    };
    const std::vector<Row> rows{
        {"", "[]", 1},
        {R"(,"Weights":{"Passing":10,"Warning":3})", "[]", 10},
        {R"(,"Weights":{"Passing":10,"Warning":3})", "[" + check("c", "warning", "pg/a", "pg") + "]", 3},
        {R"(,"Weights":{"Passing":10,"Warning":3})", "[" + check("c", "warning", "", "") + "]", 3},
        {R"(,"Weights":{"Passing":10,"Warning":3})", "[" + check("c", "critical", "pg/a", "pg") + "]", 0},
        {R"(,"Weights":{"Passing":10,"Warning":3})", "[" + check("c", "warning", "x", "other") + "]", 10},
        {R"(,"Weights":{"Passing":10,"Warning":3})", "[" + check("c", "odd", "pg/a", "pg") + "]", 1},
        {R"(,"Weights":{"Passing":65537,"Warning":1})", "[]", 1},
        {R"(,"Weights":{"Passing":-1,"Warning":1})", "[]", 1},
        {R"(,"Weights":null)", "[]", 1},
    };
    for (const auto& row : rows) {
        INFO(row.weights << " " << row.checks);
        Entry entry;
        entry.service = R"({"ID":"pg/a","Service":"pg","Tags":[],"Port":1)" + row.weights + "}";
        entry.checks = row.checks;
        CHECK(only_instance(entry).weight == row.weight);
    }
}

TEST_CASE("a port is a whole number in 32 bits or 0", "[json]") {
    const std::vector<std::pair<std::string, std::uint32_t>> rows{
        {"5432", 5432},    {"0", 0},    {"65535", 65535}, {"70000", 70000}, {"4294967295", 4294967295},
        {"4294967296", 0}, {"-1", 0},   {"\"80\"", 0},    {"null", 0},      {"80.9", 0},
        {"80.0", 0},       {"[80]", 0}, {"true", 0},      {"1e3", 0},
    };
    for (const auto& [port, expected] : rows) {
        INFO(port);
        Entry entry;
        entry.service = with_port(port);
        CHECK(only_instance(entry).port == expected);
    }
    Entry several;
    several.service = R"({"ID":"w","Service":"w","Port":0,"Ports":[{"Name":"a","Port":1},{"Name":"b","Port":8080,"Default":true}]})";
    CHECK(only_instance(several).port == 8080);
}

TEST_CASE("an entry without usable names is skipped and counted", "[json]") {
    const std::vector<std::string> useless{
        "{}",
        R"({"Node":null,"Service":null,"Checks":null})",
        R"({"Node":{"Node":"n"}})",
        R"({"Node":{"Node":""},"Service":{"Service":"pg"}})",
        R"({"Node":{"Node":7},"Service":{"Service":"pg"}})",
        R"({"Node":{"Node":"n"},"Service":{"Service":["pg"]}})",
        R"({"Node":{"Node":"n\u0000"},"Service":{"Service":"pg"}})",
        R"({"Node":{"Node":"n"},"Service":{"Service":"pg\u0000x"}})",
        R"({"Node":{"Node":"n"},"Service":{"Service":"pg","Address":"1.2.3.4\u0000"}})",
        R"({"Node":{"Node":"n","Address":"1.2.3.4\u0000"},"Service":{"Service":"pg"}})",
        R"({"Node":{"Node":"n"},"Service":{"Service":"pg","TaggedAddresses":{"lan_ipv4":{"Address":"1.2.3.4\u0000"}}}})",
        R"({"Node":"n","Service":"pg"})",
    };
    for (const auto& entry : useless) {
        INFO(entry);
        const auto body = parse_health_service("[" + Entry{}.text() + "," + entry + "]");
        REQUIRE(body);
        CHECK(body->instances.size() == 1);
        CHECK(body->skipped == 1);
    }
}

TEST_CASE("fields of a wrong type count as absent", "[json]") {
    Entry entry;
    entry.service = R"({"ID":7,"Service":"pg","Tags":{"a":"b"},"TaggedAddresses":"x","Port":{},"Weights":[]})";
    entry.node = R"({"Node":"n","Meta":[],"TaggedAddresses":[1],"ID":null})";
    entry.checks = R"({"Status":"critical"})";
    const Instance got = only_instance(entry);
    CHECK(got.id.empty());
    CHECK(got.tags.empty());
    CHECK(got.address.empty());
    CHECK(got.node->address.empty());
    CHECK(got.health == Health::passing);
    CHECK(got.weight == 1);

    entry = Entry{};
    entry.service = R"({"Service":"pg","Tags":["ok",7,null,"","nul\u0000","Two"]})";
    CHECK(only_instance(entry).tags == std::vector<std::string>{"ok", "two"});
}

TEST_CASE("an address, a session or a value that is not a text makes the body an error, because another answer would follow from it",
          "[json]") {
    for (const char* wrong : {"5", "-1.5", "true", "[]", R"(["10.0.0.1"])", R"({"Address":"10.0.0.1"})"}) {
        INFO(wrong);
        const auto with = [wrong](std::string text) { return text.replace(text.find('?'), 1, wrong); };
        Entry entry;
        entry.service = with(R"({"Service":"pg","Address":?})");
        CHECK(!parse_health_service("[" + Entry{}.text() + "," + entry.text() + "]"));
        entry = Entry{};
        entry.node = with(R"({"Node":"n","Address":?})");
        CHECK(!parse_health_service("[" + entry.text() + "]"));
        CHECK(!parse_catalog_nodes("[" + entry.node + "]"));
        CHECK(!parse_lock(with(R"([{"Key":"k","Session":"s","Value":?}])"), "k"));
        CHECK(!parse_lock(with(R"([{"Key":"k","Session":?,"Value":"eA=="}])"), "k"));
        CHECK(!parse_patroni_scope(with(R"([{"Key":"service/pg/leader","Session":"s","Value":?}])"), "service/pg/"));
        CHECK(!parse_patroni_scope(with(R"([{"Key":"service/pg/leader","Session":?,"Value":"eA=="}])"), "service/pg/"));
    }
    Entry entry;
    entry.service = R"({"Service":"pg","Address":null})";
    CHECK(parse_health_service("[" + entry.text() + "]"));
    CHECK(parse_patroni_scope(R"([{"Key":"service/pg/leader","Value":null}])", "service/pg/"));
}

TEST_CASE("catalog/nodes keeps order and case, and skips unusable nodes", "[json]") {
    const auto nodes =
        parse_catalog_nodes("[" + node_a + R"(,{"Node":""},{"Node":"B","Address":"fd00::2","Meta":null,"TaggedAddresses":null}])");
    REQUIRE(nodes);
    REQUIRE(nodes->nodes.size() == 2);
    CHECK(nodes->nodes[0]->name == "Node-A");
    CHECK(nodes->nodes[1]->address.ip == Address::parse("fd00::2"));
}

TEST_CASE("null and an empty list are empty", "[json]") {
    for (const char* body : {"null", "[]", " [ ] \n"}) {
        INFO(body);
        REQUIRE(parse_health_service(body));
        CHECK(parse_health_service(body)->instances.empty());
        REQUIRE(parse_catalog_nodes(body));
        CHECK(parse_catalog_nodes(body)->nodes.empty());
        REQUIRE(parse_patroni_scope(body, "service/pg/"));
        CHECK_FALSE(parse_patroni_scope(body, "service/pg/")->exists);
    }
}

// ---- hostile bodies

TEST_CASE("a body that Consul cannot have written is an error", "[json][hostile]") {
    const std::string good = Entry{}.text();
    const std::vector<std::pair<std::string, std::string>> bodies{
        {"empty", ""},
        {"blanks", " \n\t "},
        {"HTML", "<!DOCTYPE html><html><body>Sign in</body></html>"},
        {"text", "rpc error: No cluster leader"},
        {"number", "7"},
        {"string", "\"pg\""},
        {"true", "true"},
        {"object", "{}"},
        {"an object of entries", R"({"a":)" + good + "}"},
        {"a list of numbers", "[1,2]"},
        {"a list of null", "[null]"},
        {"a list of lists", "[[" + good + "]]"},
        {"a list of texts", R"(["pg"])"},
        {"trailing garbage", "[" + good + "]x"},
        {"two values", "[" + good + "][]"},
        {"trailing NUL", "[" + good + "]" + std::string(1, '\0')},
        {"trailing comma", "[" + good + ",]"},
        {"byte order mark", "\xef\xbb\xbf[" + good + "]"},
        {"cut", "[" + good},
        {"raw NUL", "[{\"Node\":\"" + std::string(1, '\0') + "\"}]"},
        {"raw control byte", "[{\"Node\":\"\x01\"}]"},
        {"bad UTF-8", "[{\"Node\":\"\xff\"}]"},
        {"lone surrogate", R"([{"Node":"\ud800"}])"},
        {"lone low surrogate", R"([{"Node":"\udc00x"}])"},
        {"NaN", R"([{"Port":NaN}])"},
        {"overflowing number", R"([{"Port":1e400}])"},
        {"leading zero", R"([{"Port":01}])"},
        {"comment", "[/* */]"},
        {"single quotes", "[{'Node':'x'}]"},
        {"a key twice", R"([{"Node":{"Node":"a"},"Service":{"Service":"x"},"Service":{"Service":"y"}}])"},
        {"a key twice below", R"([{"Node":{"Node":"a","Address":"10.0.0.1","Address":"10.0.0.2"},"Service":{"Service":"x"}}])"},
        {"nested too deep", "[{\"a\":" + repeated("[", 15) + repeated("]", 15) + "}]"},
        {"a million lists", repeated("[", 1'000'000)},
        {"a million objects", repeated("{\"a\":", 1'000'000)},
        {"too many values", "[{\"a\":[" + repeated("0,", 200'000) + "0]}]"},
        {"too many elements", "[" + repeated("{},", 200'000) + "{}]"},
        {"a key of 70 kB", "[{\"" + std::string(70'000, 'k') + "\":1}]"},
    };
    for (const auto& [name, body] : bodies) {
        INFO(name);
        CHECK_FALSE(parse_health_service(body));
        CHECK_FALSE(parse_catalog_nodes(body));
        CHECK_FALSE(parse_patroni_scope(body, "service/pg/"));
        CHECK_FALSE(parse_lock(body, "k"));
        CHECK_FALSE(parse_session_node(body));
        if (name != "an object of entries" && name != "object") CHECK_FALSE(read_json("{\"a\":" + body + "]", "test"));
    }
}

TEST_CASE("an error has the position and no text of the body", "[json][hostile]") {
    const auto html = parse_health_service("<html>secret</html>");
    REQUIRE_FALSE(html);
    CHECK(html.error().text ==
          "health/service: not valid JSON near byte 1; the body looks like HTML: is there a proxy in front of Consul?");
    const auto empty = parse_health_service("");
    REQUIRE_FALSE(empty);
    CHECK(empty.error().text.find("the body is empty") != std::string::npos);
}

TEST_CASE("a body at the bounds is read", "[json][hostile]") {
    CHECK(parse_health_service("[{\"a\":" + repeated("[", 14) + repeated("]", 14) + "}]"));
    CHECK(parse_health_service("[{\"a\":[" + repeated("0,", 199'000) + "0]}]"));
    const auto many = parse_health_service("[" + repeated("{},", 199'999) + "{}]");
    REQUIRE(many);
    CHECK(many->skipped == 200'000);
}

TEST_CASE("a text that is too long counts as absent", "[json][hostile]") {
    Entry entry;
    entry.checks = R"([{"CheckID":"c","Status":"passing","Output":")" + std::string(100'000, 'x') + R"("}])";
    CHECK(only_instance(entry).health == Health::passing);
    entry = Entry{};
    entry.service = R"({"Service":"pg","Address":")" + std::string(100'000, 'x') + R"("})";
    CHECK(only_instance(entry).address.empty());
}

TEST_CASE("ten thousand instances are read", "[json]") {
    std::string body = "[";
    for (int i = 0; i < 10'000; ++i) {
        Entry entry;
        entry.node = R"({"Node":"n)" + std::to_string(i % 100) + R"(","Address":"10.0.0.1","Meta":{"a":"b"}})";
        body += (i ? "," : "") + entry.text();
    }
    body += "]";
    const auto got = parse_health_service(body);
    REQUIRE(got);
    CHECK(got->instances.size() == 10'000);
    CHECK(got->instances[0].node == got->instances[9'900].node);
}

TEST_CASE("a body cut anywhere is an error", "[json][hostile]") {
    std::string body = "[";
    for (int i = 0; i < 20; ++i) body += (i ? "," : "") + Entry{}.text();
    body += "]";
    REQUIRE(parse_health_service(body));
    for (std::size_t size = 0; size < body.size(); size += 7) {
        INFO(size);
        CHECK_FALSE(parse_health_service(std::string_view(body).substr(0, size)));
    }
}

TEST_CASE("a tree returns only values that it contains", "[json]") {
    const auto tree = read_json(R"({"a":{"b":[1,"x",null,true,-1,2.5]},"e":{},"l":[]})", "test");
    REQUIRE(tree);
    const JsonValue list = tree->root().get("a").get("b");
    std::string kinds;
    for (JsonValue each = list.first(); each; each = each.next()) kinds += std::to_string(static_cast<int>(each.kind())) + " ";
    CHECK(kinds == "3 5 1 2 4 4 ");
    CHECK(list.first().number() == 1u);
    CHECK_FALSE(list.first().number(0));
    CHECK_FALSE(tree->root().get("e").first());
    CHECK_FALSE(tree->root().get("l").first());
    CHECK(tree->root().get("e").next().key() == "l");
    CHECK(tree->root().get("nothing").get("here").kind() == JsonKind::missing);
    CHECK_FALSE(tree->root().get("nothing").next());
}

// ---- key/value

TEST_CASE("base64 is decoded strictly", "[json]") {
    const std::vector<std::pair<std::string, std::string>> good{
        {"", ""}, {"YQ==", "a"}, {"YWI=", "ab"}, {"YWJj", "abc"}, {"+/+/", "\xfb\xff\xbf"}, {"AA==", std::string(1, '\0')}};
    for (const auto& [text, expected] : good) {
        INFO(text);
        REQUIRE(decode_base64(text));
        CHECK(*decode_base64(text) == expected);
        CHECK(encode_base64(expected) == text);
    }
    for (const char* bad : {"Y", "YQ", "YQ=", "YQ===", "=", "====", "YR==", "YWK=", "YQ==YQ==", "Y Q=", "YQ=\n", "YW-_", "Y=Q="}) {
        INFO(bad);
        CHECK_FALSE(decode_base64(bad));
    }
}

TEST_CASE("members of every Patroni version are read", "[json][patroni]") {
    struct Row {
        std::string value, role, state, host;
        std::uint16_t port;
        std::optional<std::uint64_t> timeline, lsn;
        std::string replication_state, api_url, version;
    };
    const std::string api = "http://pg1:8008/patroni";
    const std::vector<Row> rows{
        {R"({"conn_url":"postgres://pg1:5432/postgres","api_url":"http://pg1:8008/patroni","state":"running","role":"master","version":"2.1.1","xlog_location":67109104,"timeline":2})",
         "master", "running", "pg1", 5432, 2, 67109104, "", api, "2.1.1"},
        {R"({"conn_url":"postgres://pg1:5432/postgres","api_url":"http://pg1:8008/patroni","state":"running","role":"master","version":"2.1.1","checkpoint_after_promote":false,"xlog_location":67109104,"timeline":3})",
         "master", "running", "pg1", 5432, 3, 67109104, "", api, "2.1.1"},
        {R"({"conn_url":"postgres://pg1:5432/postgres","api_url":"http://pg1:8008/patroni","state":"running","role":"promoted","version":"3.3.2"})",
         "promoted",
         "running",
         "pg1",
         5432,
         {},
         {},
         "",
         api,
         "3.3.2"},
        {R"({"conn_url":"postgres://pg1:5432/postgres","api_url":"http://pg1:8008/patroni","state":"running","role":"replica","version":"3.3.2","xlog_location":67109104,"replication_state":"streaming","timeline":2})",
         "replica", "running", "pg1", 5432, 2, 67109104, "streaming", api, "3.3.2"},
        {R"({"conn_url":"postgres://pg1:5432/postgres","api_url":"http://pg1:8008/patroni","state":"running","role":"primary","version":"4.1.0","xlog_location":67109104,"timeline":2})",
         "primary", "running", "pg1", 5432, 2, 67109104, "", api, "4.1.0"},
        {R"({"conn_url":"postgres://pg1:5432/postgres","api_url":"http://pg1:8008/patroni","state":"running","role":"replica","version":"4.1.0","replay_lsn":5,"receive_lsn":6,"replication_state":"streaming","timeline":2})",
         "replica", "running", "pg1", 5432, 2, 5, "streaming", api, "4.1.0"},
        {R"({"conn_url":"postgres://pg1:5432/postgres","api_url":"http://pg1:8008/patroni","state":"stopped","role":"demoted","version":"4.1.0"})",
         "demoted",
         "stopped",
         "pg1",
         5432,
         {},
         {},
         "",
         api,
         "4.1.0"},
        {R"(postgres://replicator:rep-pass@10.0.0.9:5433/postgres?application_name=http://10.0.0.9:8008/patroni)",
         "",
         "",
         "10.0.0.9",
         5433,
         {},
         {},
         "",
         "http://10.0.0.9:8008/patroni",
         ""},
        {R"({"conn_url":"postgres://pg1:5432/postgres"})", "", "", "pg1", 5432, {}, {}, "", "", ""},
        {R"({"conn_url":7,"role":["primary"],"state":null,"timeline":"2","xlog_location":-5})", "", "", "", 0, {}, {}, "", "", ""},
    };
    for (const auto& row : rows) {
        INFO(row.value);
        const ScopeFacts facts = Kv().member("pg1", row.value).facts();
        REQUIRE(facts.members.count("pg1") == 1);
        const MemberRow& got = facts.members.at("pg1");
        CHECK(got.name == "pg1");
        CHECK(got.role == row.role);
        CHECK(got.state == row.state);
        CHECK(got.host.text == row.host);
        CHECK(got.port == row.port);
        CHECK(got.timeline == row.timeline);
        CHECK(got.lsn == row.lsn);
        CHECK(got.replication_state == row.replication_state);
        CHECK(got.api_url == row.api_url);
        CHECK(got.version == row.version);
    }
}

TEST_CASE("host and port are read from a conn_url", "[json][patroni]") {
    struct Row {
        const char* url;
        const char* host;
        std::uint16_t port;
    };
    const std::vector<Row> rows{
        {"postgres://pg1:5432/postgres", "pg1", 5432},
        {"postgresql://pg1:6432/postgres", "pg1", 6432},
        {"POSTGRES://pg1", "pg1", 5432},
        {"postgres://pg1/postgres", "pg1", 5432},
        {"postgres://pg1:/postgres", "pg1", 5432},
        {"postgres://10.0.0.1:5433", "10.0.0.1", 5433},
        {"postgres://[fd00::1]:5433/x", "fd00::1", 5433},
        {"postgres://[fd00::1]/x", "fd00::1", 5432},
        {"postgres://user:p@ss:w@pg1:5432/x", "pg1", 5432},
        {"postgres://a.example.org:1,b:2/x", "a.example.org", 1},
        {"postgres://pg_1.net:5432/x?sslmode=require", "pg_1.net", 5432},
        {"postgres://pg1:0/x", "", 0},
        {"postgres://pg1:65536/x", "", 0},
        {"postgres://pg1:54x2/x", "", 0},
        {"postgres://pg1:-1/x", "", 0},
        {"postgres:///x", "", 0},
        {"postgres://:5432/x", "", 0},
        {"postgres://[fd00::1/x", "", 0},
        {"postgres://[fd00::1]x/", "", 0},
        {"postgres://[]:5432/", "", 0},
        {"http://pg1:5432/x", "", 0},
        {"pg1:5432", "", 0},
        {"", "", 0},
        {"postgres://p g:5432/", "", 0},
        {"postgres://pg1\\u0000evil:5432/", "", 0},
    };
    for (const auto& row : rows) {
        INFO(row.url);
        const ScopeFacts facts = Kv().member("m", std::string(R"({"conn_url":")") + row.url + R"("})").facts();
        CHECK(facts.members.at("m").host.text == row.host);
        CHECK(facts.members.at("m").port == row.port);
    }
    const ScopeFacts long_host = Kv().member("m", R"({"conn_url":"postgres://)" + std::string(300, 'h') + R"(:1/"})").facts();
    CHECK(long_host.members.at("m").host.empty());
}

TEST_CASE("noloadbalance is read in all spellings of YAML", "[json][patroni]") {
    const std::vector<std::pair<std::string, bool>> rows{{"true", true},    {"false", false}, {"\"true\"", true}, {"\"yes\"", true},
                                                         {"\"no\"", false}, {"1", true},      {"0", false},       {"null", false}};
    for (const auto& [value, expected] : rows) {
        INFO(value);
        const auto facts = Kv().member("m", R"({"conn_url":"postgres://h","tags":{"noloadbalance":)" + value + "}}").facts();
        CHECK(facts.members.at("m").noloadbalance == expected);
    }
}

TEST_CASE("a leader counts only while a session holds the key", "[json][patroni]") {
    ScopeFacts facts = Kv().leader("pg1", "s-1", 130).facts();
    CHECK(facts.exists);
    CHECK(facts.leader == "pg1");
    CHECK(facts.leader_session == "s-1");
    CHECK(facts.leader_lock_index == 1);
    CHECK(facts.leader_modify_index == 130);
    facts = Kv().leader("pg1", "", 140).facts();
    CHECK(facts.exists);
    CHECK(facts.leader.empty());
    CHECK(facts.leader_session.empty());
    CHECK(facts.leader_modify_index == 140);
}

TEST_CASE("config has ttl, loop_wait, pause and standby", "[json][patroni]") {
    ScopeFacts facts =
        Kv().key("config", R"({"ttl":130,"loop_wait":20,"retry_timeout":60,"pause":true,"postgresql":{"parameters":{"a":[1]}}})").facts();
    CHECK(facts.ttl == 130u);
    CHECK(facts.loop_wait == 20u);
    CHECK(facts.pause);
    CHECK_FALSE(facts.standby_cluster);
    CHECK(Kv().key("config", R"({"standby_cluster":{"host":"far","port":5432}})").facts().standby_cluster);
    CHECK(Kv().key("config", R"({"standby_cluster":{"restore_command":"cp"}})").facts().standby_cluster);
    CHECK_FALSE(Kv().key("config", R"({"standby_cluster":{}})").facts().standby_cluster);
    CHECK_FALSE(Kv().key("config", R"({"standby_cluster":null})").facts().standby_cluster);
    CHECK_FALSE(Kv().key("config", R"({"standby_cluster":{"host":null}})").facts().standby_cluster);
    CHECK(Kv().key("config", R"({"loop_wait":"7"})").facts().loop_wait == 7u);
    for (const char* odd : {"", "{", "[]", "7", R"({"ttl":-1,"loop_wait":1e9,"pause":"maybe"})", R"({"ttl":4294967296})"}) {
        INFO(odd);
        facts = Kv().key("config", odd).facts();
        CHECK_FALSE(facts.ttl);
        CHECK_FALSE(facts.loop_wait);
        CHECK_FALSE(facts.pause);
    }
}

TEST_CASE("failover requests a switchover now or later", "[json][patroni]") {
    const std::vector<std::pair<std::string, bool>> rows{
        {R"({"leader":"pg1","member":"pg2"})", true},
        {R"({"leader":"pg1"})", true},
        {R"({"member":"pg2"})", true},
        {"pg1:pg2", true},
        {R"({"leader":"pg1","member":"pg2","scheduled_at":"2030-01-01T00:00:00+00:00"})", false},
        {"{}", false},
        {"", false},
        {"{:", false}};
    for (const auto& [value, expected] : rows) {
        INFO(value);
        CHECK(Kv().key("failover", value).facts().failover_requested == expected);
    }
}

TEST_CASE("only keys below the prefix count", "[json][patroni]") {
    const std::string body = Kv("digitalis.io/pglab/").leader("pg1", "s", 5).member("pg1", R"({"role":"primary"})").body();
    CHECK(parse_patroni_scope(body, "digitalis.io/pglab/")->leader == "pg1");
    CHECK(parse_patroni_scope(body, "digitalis.io/pglab")->leader == "pg1");
    CHECK_FALSE(parse_patroni_scope(body, "digitalis.io/pgl")->exists);
    CHECK_FALSE(parse_patroni_scope(body, "service/pglab/")->exists);

    const ScopeFacts citus = Kv().key("0/leader", "pg9").key("0/members/pg9", "{}").key("members/", "{}").key("members/a/b", "{}").facts();
    CHECK(citus.exists);
    CHECK(citus.leader.empty());
    CHECK(citus.members.empty());
    CHECK_FALSE(Kv().key("", "").facts().exists);  // the folder itself
}

TEST_CASE("a key that cannot be read is absent, a body that Consul cannot have written is an error", "[json][patroni][hostile]") {
    for (const std::string value : {"", "{", "[]", "null", "7", "\xff\xfe", R"({"role":"primary","role":"replica"})", "{\"a\":\"\xff\"}"}) {
        INFO(value);
        const ScopeFacts facts = Kv().leader("pg1", "s", 5).member("pg1", value).member("pg2", R"({"role":"replica"})").facts();
        CHECK(facts.leader == "pg1");
        CHECK(facts.members.count("pg1") == 0);
        CHECK(facts.members.count("pg2") == 1);
    }
    CHECK(Kv().leader("pg1", "s", 5).key("history", std::string(300'000, 'h')).facts().leader == "pg1");
    CHECK(Kv().member("pg1", R"({"role":")" + std::string(80'000, 'r') + "\"}").facts().members.empty());
    CHECK(Kv().member("pg1", R"({"a":)" + repeated("[", 100'000)).facts().members.empty());
    CHECK(Kv().member(std::string("pg\0", 3), "{}").facts().members.empty());
    CHECK_FALSE(parse_patroni_scope(Kv().leader(std::string(100'000, 'x'), "s", 5).body(), "service/pg/"));
    CHECK_FALSE(parse_patroni_scope(R"([{"Key":"service/pg/leader","Value":"cGcx?","Session":"s"}])", "service/pg/"));
    CHECK(parse_patroni_scope(R"([{"Key":"service/pg/leader","Value":null,"Session":"s"}])", "service/pg/"));
}

TEST_CASE("a plain lock is read", "[json]") {
    const std::string other = R"({"LockIndex":1,"Key":"my/lock2","Flags":0,"Value":"eA==","Session":"s-2"})";
    const auto lock = parse_lock(
        "[" + other + R"(,{"LockIndex":3,"Key":"my/lock","Flags":0,"Value":"YWJj","Session":"s-1","CreateIndex":7,"ModifyIndex":9}])",
        "my/lock");
    REQUIRE(lock);
    CHECK(lock->exists);
    CHECK(lock->session == "s-1");
    CHECK(lock->value == "abc");
    CHECK(lock->lock_index == 3);
    CHECK(lock->modify_index == 9);
    CHECK_FALSE(parse_lock("[" + other + "]", "my/lock")->exists);
    CHECK(parse_lock(R"([{"Key":"k","Value":null}])", "k")->session.empty());
    CHECK_FALSE(parse_lock(R"([{"Key":"k","Value":"YWJj"},{"Key":"k","Value":"YWJj"}])", "k"));
    CHECK_FALSE(parse_lock(R"([{"Key":"k","Value":"YWJ"}])", "k"));
}

TEST_CASE("the node of a session, the address of a node and names of keys are read", "[json]") {
    CHECK(*parse_session_node(R"([{"ID":"s-1","Name":"Consul Lock","Node":"n1","Checks":["serfHealth"]}])") == "n1");
    CHECK(*parse_session_node("[]") == "");
    CHECK(*parse_session_node("null") == "");
    CHECK_FALSE(parse_session_node("{"));
    CHECK(*parse_node_address(R"({"Node":{"Node":"n1","Address":"10.0.0.1"},"Services":{}})") == "10.0.0.1");
    CHECK(*parse_node_address("null") == "");
    CHECK_FALSE(parse_node_address("["));
    CHECK(*parse_key_names(R"(["a/","b",7])") == std::vector<std::string>{"a/", "b"});
    CHECK(parse_key_names("")->empty());
    CHECK_FALSE(parse_key_names("{}"));
}

// ---- agent/self

TEST_CASE("the agent's settings are adopted", "[json]") {
    const auto got = parse_agent_self(
        R"({"Config":{"Datacenter":"DC7","NodeName":"Facts-Node","Server":true,"Version":"1.8.7"},"DebugConfig":{)"
        R"("DNSARecordLimit":4,"DNSAltDomain":"Alt.Example.","DNSDomain":"consul.","DNSEnableTruncate":true,"DNSNodeMetaTXT":false,)"
        R"("DNSNodeTTL":"1m30s","DNSOnlyPassing":true,"DNSRecursors":["127.0.0.11"],"DNSUDPAnswerLimit":5,"TranslateWANAddrs":true,)"
        R"("DNSSOA":{"Expire":86401,"Minttl":1,"Refresh":3601,"Retry":601},"DNSServiceTTL":{"*":"1.5s","pg":"10s","odd":"x"}},)"
        R"("Coord":{},"Member":{},"Stats":{},"Meta":{}})",
        ConsulSettings{});
    REQUIRE(got);
    CHECK(got->datacenter == "dc7");
    CHECK(got->node_name == "Facts-Node");
    CHECK(got->agent.version == "1.8.7");
    CHECK(got->domains == std::vector<std::string>{"consul", "alt.example"});
    CHECK(got->a_record_limit == 4);
    CHECK(got->udp_answer_limit == 5);
    CHECK(got->enable_truncate);
    CHECK_FALSE(got->node_meta_txt);
    CHECK(got->only_passing);
    CHECK(got->recursors);
    CHECK(got->translate_wan);
    CHECK(got->node_ttl == 90);
    CHECK(got->service_ttl == std::vector<std::pair<std::string, std::uint32_t>>{{"*", 1}, {"pg", 10}});
    CHECK(got->soa_refresh == 3601);
    CHECK(got->soa_retry == 601);
    CHECK(got->soa_expire == 86401);
    CHECK(got->soa_min_ttl == 1);
}

TEST_CASE("an agent without alt_domain has one domain, and never the root", "[json]") {
    const auto got = parse_agent_self(R"({"DebugConfig":{"DNSAltDomain":"","DNSDomain":"consul."}})", ConsulSettings{});
    REQUIRE(got);
    CHECK(got->domains == std::vector<std::string>{"consul"});
    const auto root = parse_agent_self(R"({"DebugConfig":{"DNSAltDomain":".","DNSDomain":"consul."}})", ConsulSettings{});
    REQUIRE(root);
    CHECK(root->domains == std::vector<std::string>{"consul"});
}

TEST_CASE("Go's durations become whole seconds", "[json]") {
    const std::vector<std::pair<std::string, std::uint32_t>> rows{
        {"\"0s\"", 0},
        {"\"10s\"", 10},
        {"\"1.5s\"", 1},
        {"\"500ms\"", 0},
        {"\"1h2m3.999s\"", 3723},
        {"\"87600h0m0s\"", 315360000},
        {"\"1000ms\"", 1},
        {"\"2us\"", 0},
        {"\"2\xc2\xb5s\"", 0},
        {"\"999999999h\"", 4294967295},
        // not a duration: the setting keeps its value
        {"\"\"", 77},
        {"\"10\"", 77},
        {"\"s\"", 77},
        {"\"1.2.3s\"", 77},
        {"\"-5s\"", 77},
        {"10", 77},
        {"null", 77},
        {"\"10 s\"", 77},
        {"\".s\"", 77},
    };
    ConsulSettings base;
    base.node_ttl = 77;
    for (const auto& [duration, expected] : rows) {
        INFO(duration);
        const auto got = parse_agent_self(R"({"DebugConfig":{"DNSNodeTTL":)" + duration + "}}", base);
        REQUIRE(got);
        CHECK(got->node_ttl == expected);
    }
}

TEST_CASE("missing settings keep their values", "[json]") {
    ConsulSettings base;
    base.domains = {"corp", "other"};
    base.datacenter = "here";
    base.udp_answer_limit = 9;
    base.recursors = true;
    base.service_ttl = {{"*", 3}};
    const auto bare = parse_agent_self(R"({"Config":{},"DebugConfig":null})", base);
    REQUIRE(bare);
    CHECK(bare->domains == base.domains);
    CHECK(bare->datacenter == "here");
    CHECK(bare->udp_answer_limit == 9);
    CHECK(bare->recursors);
    CHECK(bare->service_ttl == base.service_ttl);
    const auto odd = parse_agent_self(
        R"({"Config":{"Datacenter":7},"DebugConfig":{"DNSDomain":".","DNSUDPAnswerLimit":-1,"DNSRecursors":"x","DNSServiceTTL":[],"DNSSOA":7}})",
        base);
    REQUIRE(odd);
    CHECK(odd->domains == base.domains);
    CHECK(odd->datacenter == "here");
    CHECK(odd->udp_answer_limit == 9);
    CHECK(odd->recursors);
    CHECK(odd->soa_retry == 600);
    CHECK_FALSE(parse_agent_self(R"({"DebugConfig":{"DNSRecursors":[]}})", base)->recursors);
    const auto fresh = parse_agent_self(R"({"DebugConfig":{"DNSServiceTTL":{"pg":"5s"}}})", base);
    CHECK(fresh->service_ttl == std::vector<std::pair<std::string, std::uint32_t>>{{"pg", 5}});

    for (const char* other : {"", "{}", "[]", "null", "<html>", R"({"errors":["no route"]})", R"({"Config":{}}x)"}) {
        INFO(other);
        CHECK_FALSE(parse_agent_self(other, base));
    }
}
