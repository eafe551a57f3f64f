// Does a probe of the REST API confirm only the holder of the lock, and earlier than its record does, whatever a server replies? Patroni
// and Consul are fakes.
#include <catch2/catch.hpp>

#include <atomic>

#include "tests/loop/watcher_fixture.hpp"

using namespace lictor;
using namespace lictor::catalog;
using namespace lictor::conf;
using namespace lictor::loop;
using namespace std::chrono_literals;

namespace {

constexpr const char* prefix = "/v1/kv/service/pg/";

struct Members : WatcherFixture {
    fake::Consul rest;  ///< Patroni's REST API of m2; the fake serves any path

    Members() {
        LeaderRule rule;
        rule.scope = "pg";
        options.leader = {rule};
        consul.set("/v1/health/service/pg", {.index = 10, .body = "[]"});
        keys(20, "m1", "master", "replica");
    }
    ~Members() {
        watcher.reset();
        rest.stop();
    }
    std::string member(const std::string& name, const std::string& role) {
        const std::string api = name == "m2" ? api_of_m2 : "http://127.0.0.1:9/patroni";
        return R"({"conn_url":"postgres://10.0.0.)" + name.substr(1) + R"(:5432/postgres","api_url":")" + api + R"(","state":")" +
               (role == "demoted" ? "stopped" : "running") + R"(","role":")" + role + R"(","version":"3.3.2"})";
    }
    void keys(std::uint64_t index, const std::string& leader, const std::string& role1, const std::string& role2, std::uint64_t lock = 0) {
        std::string text = "[";
        if (!leader.empty()) text += fake::key("service/pg/leader", leader, lock ? lock : index, "session-" + leader) + ",";
        text += fake::key("service/pg/members/m1", member("m1", role1), index, "s1") + ",";
        text += fake::key("service/pg/members/m2", member("m2", role2), index, "s2") + "]";
        consul.set(prefix, {.index = index, .body = text});
    }
    void rest_reports(const std::string& role, const std::string& patroni = R"({"version":"3.3.2","scope":"pg","name":"m2"})",
                      int status = 200) {
        rest.set("/patroni",
                 {.status = status, .body = R"({"state":"running","role":")" + role + R"(","timeline":2,"patroni":)" + patroni + "}"});
    }
    bool wait_until_led_by(const std::string& name, milliseconds within = 3s) {
        return until([&] { return leader("pg") && leader("pg")->state == LeaderState::led && leader("pg")->member == name; }, within);
    }
    /// m1 was the leader; m2 holds the lock and its record shows replica.
    void gap() {
        start();
        REQUIRE(wait_until_led_by("m1"));
        keys(30, "m2", "demoted", "replica");
        REQUIRE(until([&] { return leader("pg")->state == LeaderState::vacant && leader("pg")->holder == "m2"; }));
    }
    void hold_query() { watcher->request({Need::Kind::leader, "pg", {}}); }

    std::string api_of_m2 = rest.url() + "/patroni";
};

}  // namespace

TEST_CASE("probe: a holder that reports primary by REST is published before its record shows it", "[probe]") {
    Members fixture;
    fixture.rest_reports("replica");
    fixture.gap();
    fixture.run_for(200ms);
    CHECK(fixture.rest.count() == 0);  // no query is held
    fixture.hold_query();
    REQUIRE(fixture.until([&] { return fixture.rest.count() >= 3; }));
    CHECK(fixture.leader("pg")->state == LeaderState::vacant);
    fixture.rest_reports("primary");
    const auto at = Loop::now();
    REQUIRE(fixture.wait_until_led_by("m2"));
    const auto took = fixture.published_at - at;
    WARN("time from primary in the REST API until its Catalog is published: " << took.count() / 1000 << " ms");
    CHECK(took < 150ms);
    const auto entry = fixture.leader("pg");
    CHECK(entry->reason == LeaderReason::confirmed_probe);
    CHECK(entry->host.text == "10.0.0.2");
    CHECK(entry->times.promoted_by_probe);
    CHECK_FALSE(entry->times.promoted_by_kv);
    CHECK(entry->times.answerable == entry->times.promoted_by_probe);
    // No probe is sent after one has confirmed the holder; the record comes later.
    const auto asked = fixture.rest.count();
    fixture.run_for(200ms);
    CHECK(fixture.rest.count() == asked);
    const auto version = entry->version;
    fixture.keys(31, "m2", "demoted", "master", 30);
    REQUIRE(fixture.until([&] { return fixture.leader("pg")->reason == LeaderReason::confirmed; }));
    CHECK(fixture.leader("pg")->version == version);
    CHECK(fixture.leader("pg")->times.promoted_by_kv);
    const auto request = fixture.rest.requests().front();
    CHECK(request.headers.count("x-consul-token") == 0);
    CHECK(fixture.counters.leader_probe_proofs.get() == 1);
    CHECK(fixture.counters.leader_probes.get() == asked);
}

TEST_CASE("probe: probes are sent only while a query is held, and not with leader-probe=off", "[probe]") {
    Members fixture;
    fixture.options.leader_hold = 300ms;
    fixture.rest_reports("replica");
    SECTION("the query is not held any more") {
        fixture.gap();
        fixture.hold_query();
        fixture.run_for(700ms);
        const auto asked = fixture.rest.count();
        CHECK(asked >= 3);
        CHECK(asked <= 10);
        fixture.run_for(300ms);
        CHECK(fixture.rest.count() == asked);
    }
    SECTION("the held query was answered") {
        fixture.start();
        fixture.options.leader_hold = 4s;
        fixture.hold_query();
        REQUIRE(fixture.wait_until_led_by("m1"));
        fixture.keys(30, "m2", "demoted", "replica");
        REQUIRE(fixture.until([&] { return fixture.leader("pg")->holder == "m2"; }));
        fixture.run_for(200ms);
        CHECK(fixture.rest.count() == 0);
    }
    SECTION("off") {
        fixture.options.leader_probe = false;
        fixture.gap();
        fixture.hold_query();
        fixture.run_for(300ms);
        CHECK(fixture.rest.count() == 0);
    }
    SECTION("the query is for another service") {
        fixture.gap();
        fixture.watcher->request({Need::Kind::leader, "other", {}});
        fixture.run_for(200ms);
        CHECK(fixture.rest.count() == 0);
    }
}

TEST_CASE("probe: no other reply confirms a leader; then Consul's keys decide", "[probe]") {
    Members fixture;
    std::string why;
    SECTION("another scope") { fixture.rest_reports("primary", R"({"version":"3.3.2","scope":"else","name":"m2"})"); }
    SECTION("another member") { fixture.rest_reports("primary", R"({"version":"3.3.2","scope":"pg","name":"m1"})"); }
    SECTION("503") { fixture.rest_reports("primary", R"({"version":"3.3.2","scope":"pg","name":"m2"})", 503); }
    SECTION("a redirect") {
        fixture.rest.set("/patroni", {.status = 302, .body = "", .headers = "Location: /primary\r\n"});
        fixture.rest.set("/primary", {.body = R"({"state":"running","role":"primary","patroni":{"scope":"pg"}})"});
    }
    SECTION("a huge body") {
        fixture.rest.handle("/patroni", [](const fake::Request&, const fake::Consul::Connection& connection) {
            connection.send("HTTP/1.1 200 OK\r\n\r\n{\"state\":\"running\",\"role\":\"primary\",\"patroni\":{\"scope\":\"pg\"},\"x\":\"");
            while (connection.send(std::string(65536, 'x'))) {
            }
        });
    }
    SECTION("half a body") {
        fixture.rest.handle("/patroni", [](const fake::Request&, const fake::Consul::Connection& connection) {
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"state\":\"running\",\"role\":\"primary\"");
            connection.cut();
        });
    }
    SECTION("no HTTP") {
        fixture.rest.handle("/patroni", [](const fake::Request&, const fake::Consul::Connection& connection) {
            connection.send("220 mail.example ESMTP\r\n");
            connection.cut();
        });
    }
    SECTION("refused") { fixture.api_of_m2 = "http://127.0.0.1:9/patroni"; }
    SECTION("not an HTTP URL") { fixture.api_of_m2 = "ftp://127.0.0.1/patroni"; }
    SECTION("a user in the address") { fixture.api_of_m2 = "http://a:b@127.0.0.1:9/patroni"; }
    fixture.gap();
    fixture.hold_query();
    REQUIRE(fixture.until([&] { return fixture.counters.leader_probe_failures.get() >= 2; }));
    fixture.run_for(200ms);
    CHECK(fixture.leader("pg")->state == LeaderState::vacant);
    CHECK(fixture.counters.leader_probe_proofs.get() == 0);
    CHECK(fixture.counters.leader_probes.get() < 12);  // it backs off
    fixture.keys(31, "m2", "demoted", "master", 30);
    REQUIRE(fixture.wait_until_led_by("m2"));
    CHECK(fixture.leader("pg")->reason == LeaderReason::confirmed);
}

TEST_CASE("probe: a reply to a probe under another lock does not count", "[probe]") {
    std::atomic<bool> go{false};
    Members fixture;
    fixture.rest.handle("/patroni", [&](const fake::Request&, const fake::Consul::Connection& connection) {
        while (!go && !fixture.rest.stopping()) std::this_thread::sleep_for(2ms);
        connection.send(fake::bytes_of({.body = R"({"state":"running","role":"primary","patroni":{"scope":"pg","name":"m2"}})"}));
    });
    fixture.gap();
    fixture.hold_query();
    REQUIRE(fixture.until([&] { return fixture.rest.count() == 1; }));
    SECTION("the lock is released") {
        fixture.keys(31, "", "demoted", "replica");
        REQUIRE(fixture.until([&] { return fixture.leader("pg")->holder.empty(); }));
        go = true;
        fixture.run_for(200ms);
        CHECK(fixture.leader("pg")->state == LeaderState::vacant);
        CHECK(fixture.rest.count() == 1);
    }
    SECTION("another member takes the lock") {
        fixture.keys(31, "m1", "replica", "replica");
        REQUIRE(fixture.until([&] { return fixture.leader("pg")->holder == "m1"; }));
        go = true;
        fixture.run_for(200ms);
        CHECK(fixture.leader("pg")->state == LeaderState::vacant);
    }
    SECTION("the lock does not move") {
        go = true;
        CHECK(fixture.wait_until_led_by("m2"));
    }
}

TEST_CASE("probe: a server that does not reply is asked again after a time-out, and facts from Consul are not delayed", "[probe]") {
    Members fixture;
    fixture.rest.handle("/patroni", [&](const fake::Request&, const fake::Consul::Connection& connection) {
        while (!connection.gone() && !fixture.rest.stopping()) std::this_thread::sleep_for(2ms);
    });
    fixture.gap();
    fixture.hold_query();
    const auto began = Loop::now();
    REQUIRE(fixture.until([&] { return fixture.rest.count() >= 2; }));
    CHECK(Loop::now() - began >= 900ms);
    const auto at = Loop::now();
    fixture.keys(31, "m2", "demoted", "master", 30);
    REQUIRE(fixture.wait_until_led_by("m2"));
    CHECK(Loop::now() - at < 200ms);
}

TEST_CASE("probe: a host name in api_url is resolved by the control thread", "[probe]") {
    Members fixture;
    fixture.rest_reports("primary");
    fixture.api_of_m2 = "http://Patroni02.test:" + std::to_string(fixture.rest.port()) + "/patroni";
    std::vector<std::string> looked_up;
    std::vector<Address> found = {Address::v4(127, 0, 0, 1)};
    bool later = false;
    SECTION("at once") {}
    SECTION("later") { later = true; }
    SECTION("not at all") { found.clear(); }
    fixture.resolve_consul = [&](const std::string& host, std::function<void(std::vector<Address>)> done) {
        looked_up.push_back(host);
        if (!later) return done(found);
        fixture.held_timer = std::make_unique<Timer>(fixture.loop, [done, &found] { done(found); });
        fixture.held_timer->start(20ms);
    };
    fixture.gap();
    fixture.hold_query();
    if (found.empty()) {
        REQUIRE(fixture.until([&] { return fixture.counters.leader_probe_failures.get() >= 2; }));
        CHECK(fixture.leader("pg")->state == LeaderState::vacant);
    } else {
        REQUIRE(fixture.wait_until_led_by("m2"));
        CHECK(fixture.rest.requests().front().headers.at("host") == "Patroni02.test:" + std::to_string(fixture.rest.port()));
    }
    CHECK(looked_up.front() == "Patroni02.test");
}
