// The REST probe against a fake Patroni beside a fake Consul: it brings the moment forward, never names anybody else, and gives way to
// every fault that a server can have.
#include <catch2/catch.hpp>

#include <atomic>

#include "tests/loop/watch_scene.hpp"

using namespace lictor;
using namespace std::chrono_literals;

namespace {

constexpr const char* prefix = "/v1/kv/service/pg/";

struct Members : Scene {
    fake::Consul rest;  ///< Patroni's REST API of m2: any small HTTP server will do

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
    void says(const std::string& role, const std::string& patroni = R"({"version":"3.3.2","scope":"pg","name":"m2"})", int status = 200) {
        rest.set("/patroni", {.status = status, .body = R"({"state":"running","role":")" + role + R"(","timeline":2,"patroni":)" + patroni + "}"});
    }
    bool led_by(const std::string& name, milliseconds within = 3s) {
        return until([&] { return leader("pg") && leader("pg")->state == LeaderState::led && leader("pg")->member == name; }, within);
    }
    /// m1 led, m2 holds the lock and its record says replica.
    void gap() {
        start();
        REQUIRE(led_by("m1"));
        keys(30, "m2", "demoted", "replica");
        REQUIRE(until([&] { return leader("pg")->state == LeaderState::vacant && leader("pg")->holder == "m2"; }));
    }
    void somebody_waits() { watcher->want({Need::Kind::leader, "pg", {}}); }

    std::string api_of_m2 = rest.url() + "/patroni";
};

}  // namespace

TEST_CASE("probe: a holder that says primary by REST is published before its record says so", "[probe]") {
    Members scene;
    scene.says("replica");
    scene.gap();
    scene.pass(200ms);
    CHECK(scene.rest.count() == 0);  // nobody waits
    scene.somebody_waits();
    REQUIRE(scene.until([&] { return scene.rest.count() >= 3; }));
    CHECK(scene.leader("pg")->state == LeaderState::vacant);
    scene.says("primary");
    const auto at = Loop::now();
    REQUIRE(scene.led_by("m2"));
    const auto took = scene.published_at - at;
    WARN("from REST saying primary to the Catalog: " << took.count() / 1000 << " ms");
    CHECK(took < 150ms);
    const auto entry = scene.leader("pg");
    CHECK(entry->reason == LeaderReason::confirmed_probe);
    CHECK(entry->host.text == "10.0.0.2");
    CHECK(entry->times.promoted_by_probe);
    CHECK_FALSE(entry->times.promoted_by_kv);
    CHECK(entry->times.answerable == entry->times.promoted_by_probe);
    // Nothing more is asked once it is known; the record comes later.
    const auto asked = scene.rest.count();
    scene.pass(200ms);
    CHECK(scene.rest.count() == asked);
    const auto version = entry->version;
    scene.keys(31, "m2", "demoted", "master", 30);
    REQUIRE(scene.until([&] { return scene.leader("pg")->reason == LeaderReason::confirmed; }));
    CHECK(scene.leader("pg")->version == version);
    CHECK(scene.leader("pg")->times.promoted_by_kv);
    const auto request = scene.rest.requests().front();
    CHECK(request.headers.count("x-consul-token") == 0);
    CHECK(scene.counters.leader_probe_proofs.get() == 1);
    CHECK(scene.counters.leader_probes.get() == asked);
}

TEST_CASE("probe: it goes on only while somebody waits, and not at all when switched off", "[probe]") {
    Members scene;
    scene.options.leader_hold = 300ms;
    scene.says("replica");
    SECTION("waiting ends") {
        scene.gap();
        scene.somebody_waits();
        scene.pass(700ms);
        const auto asked = scene.rest.count();
        CHECK(asked >= 3);
        CHECK(asked <= 10);
        scene.pass(300ms);
        CHECK(scene.rest.count() == asked);
    }
    SECTION("off") {
        scene.options.leader_probe = false;
        scene.gap();
        scene.somebody_waits();
        scene.pass(300ms);
        CHECK(scene.rest.count() == 0);
    }
    SECTION("for another service") {
        scene.gap();
        scene.watcher->want({Need::Kind::leader, "other", {}});
        scene.pass(200ms);
        CHECK(scene.rest.count() == 0);
    }
}

TEST_CASE("probe: whatever else the server says makes nobody a leader, and Consul decides", "[probe]") {
    Members scene;
    std::string why;
    SECTION("another scope") { scene.says("primary", R"({"version":"3.3.2","scope":"else","name":"m2"})"); }
    SECTION("another member") { scene.says("primary", R"({"version":"3.3.2","scope":"pg","name":"m1"})"); }
    SECTION("503") { scene.says("primary", R"({"version":"3.3.2","scope":"pg","name":"m2"})", 503); }
    SECTION("a redirect") {
        scene.rest.set("/patroni", {.status = 302, .body = "", .headers = "Location: /primary\r\n"});
        scene.rest.set("/primary", {.body = R"({"state":"running","role":"primary","patroni":{"scope":"pg"}})"});
    }
    SECTION("a huge body") {
        scene.rest.handle("/patroni", [](const fake::Request&, const fake::Consul::Line& line) {
            line.send("HTTP/1.1 200 OK\r\n\r\n{\"state\":\"running\",\"role\":\"primary\",\"patroni\":{\"scope\":\"pg\"},\"x\":\"");
            while (line.send(std::string(65536, 'x'))) {}
        });
    }
    SECTION("half a body") {
        scene.rest.handle("/patroni", [](const fake::Request&, const fake::Consul::Line& line) {
            line.send("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"state\":\"running\",\"role\":\"primary\"");
            line.cut();
        });
    }
    SECTION("no HTTP") {
        scene.rest.handle("/patroni", [](const fake::Request&, const fake::Consul::Line& line) { line.send("220 mail.example ESMTP\r\n"); line.cut(); });
    }
    SECTION("nobody there") { scene.api_of_m2 = "http://127.0.0.1:9/patroni"; }
    SECTION("an address that is none") { scene.api_of_m2 = "ftp://127.0.0.1/patroni"; }
    SECTION("a user in the address") { scene.api_of_m2 = "http://a:b@127.0.0.1:9/patroni"; }
    scene.gap();
    scene.somebody_waits();
    REQUIRE(scene.until([&] { return scene.counters.leader_probe_failures.get() >= 2; }));
    scene.pass(200ms);
    CHECK(scene.leader("pg")->state == LeaderState::vacant);
    CHECK(scene.counters.leader_probe_proofs.get() == 0);
    CHECK(scene.counters.leader_probes.get() < 12);  // it backs off
    scene.keys(31, "m2", "demoted", "master", 30);
    REQUIRE(scene.led_by("m2"));
    CHECK(scene.leader("pg")->reason == LeaderReason::confirmed);
}

TEST_CASE("probe: an answer that was asked for under another lock does not count", "[probe]") {
    Members scene;
    std::atomic<bool> go{false};
    scene.rest.handle("/patroni", [&](const fake::Request&, const fake::Consul::Line& line) {
        while (!go && !scene.rest.stopping()) std::this_thread::sleep_for(2ms);
        line.send(fake::bytes_of({.body = R"({"state":"running","role":"primary","patroni":{"scope":"pg","name":"m2"}})"}));
    });
    scene.gap();
    scene.somebody_waits();
    REQUIRE(scene.until([&] { return scene.rest.count() == 1; }));
    SECTION("the lock went") {
        scene.keys(31, "", "demoted", "replica");
        REQUIRE(scene.until([&] { return scene.leader("pg")->holder.empty(); }));
        go = true;
        scene.pass(200ms);
        CHECK(scene.leader("pg")->state == LeaderState::vacant);
        CHECK(scene.rest.count() == 1);
    }
    SECTION("another member took it") {
        scene.keys(31, "m1", "replica", "replica");
        REQUIRE(scene.until([&] { return scene.leader("pg")->holder == "m1"; }));
        go = true;
        scene.pass(200ms);
        CHECK(scene.leader("pg")->state == LeaderState::vacant);
    }
    SECTION("it stands still") {
        go = true;
        CHECK(scene.led_by("m2"));
    }
}

TEST_CASE("probe: a server that is silent is given up and asked again; Consul's word is not delayed by it", "[probe]") {
    Members scene;
    scene.rest.handle("/patroni", [&](const fake::Request&, const fake::Consul::Line& line) {
        while (!line.gone() && !scene.rest.stopping()) std::this_thread::sleep_for(2ms);
    });
    scene.gap();
    scene.somebody_waits();
    const auto began = Loop::now();
    REQUIRE(scene.until([&] { return scene.rest.count() >= 2; }));
    CHECK(Loop::now() - began >= 900ms);
    const auto at = Loop::now();
    scene.keys(31, "m2", "demoted", "master", 30);
    REQUIRE(scene.led_by("m2"));
    CHECK(Loop::now() - at < 200ms);
}

TEST_CASE("probe: a host name in api_url is resolved on the control side", "[probe]") {
    Members scene;
    scene.says("primary");
    scene.api_of_m2 = "http://Patroni02.test:" + std::to_string(scene.rest.port()) + "/patroni";
    std::vector<std::string> looked_up;
    std::vector<Address> found = {Address::v4(127, 0, 0, 1)};
    bool later = false;
    SECTION("at once") {}
    SECTION("later") { later = true; }
    SECTION("not at all") { found.clear(); }
    scene.resolve_consul = [&](const std::string& host, std::function<void(std::vector<Address>)> done) {
        looked_up.push_back(host);
        if (!later) return done(found);
        scene.held_timer = std::make_unique<Timer>(scene.loop, [done, &found] { done(found); });
        scene.held_timer->start(20ms);
    };
    scene.gap();
    scene.somebody_waits();
    if (found.empty()) {
        REQUIRE(scene.until([&] { return scene.counters.leader_probe_failures.get() >= 2; }));
        CHECK(scene.leader("pg")->state == LeaderState::vacant);
    } else {
        REQUIRE(scene.led_by("m2"));
        CHECK(scene.rest.requests().front().headers.at("host") == "Patroni02.test:" + std::to_string(scene.rest.port()));
    }
    CHECK(looked_up.front() == "Patroni02.test");
}
