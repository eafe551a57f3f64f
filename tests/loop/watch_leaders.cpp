// Leader scopes of the Watcher, against a fake Consul: keys, nodes, denial, elections, speed.
#include <catch2/catch.hpp>

#include <algorithm>

#include "tests/loop/watch_scene.hpp"

using namespace lictor;
using namespace std::chrono_literals;

namespace {

constexpr const char* prefix = "/v1/kv/service/pg/";

struct Cluster : Scene {
    Cluster() {
        LeaderRule rule;
        rule.scope = "pg";
        options.leader = {rule};
        nodes(10);
        keys(20, "m1");
    }
    /// Members m1 to m3; `leader` holds the lock and is primary.
    static std::string body(const std::string& leader, std::uint64_t modified, const std::string& host_start = "10.0.0.") {
        std::string text = "[";
        if (!leader.empty()) text += fake::key("service/pg/leader", leader, modified, "session-" + leader) + ",";
        for (const char* name : {"m1", "m2", "m3"})
            text += fake::key(std::string("service/pg/members/") + name,
                              fake::member(host_start + name[1], name == leader ? "master" : "replica"), modified, std::string("session-") + name) + ",";
        text.back() = ']';
        return text;
    }
    void keys(std::uint64_t index, const std::string& leader, const std::string& host_start = "10.0.0.") {
        consul.set(prefix, {.index = index, .body = body(leader, index, host_start)});
    }
    void nodes(std::uint64_t index, const std::string& failed = {}) {
        std::string text = "[";
        for (const std::string name : {"m1", "m2", "m3"})
            text += fake::instance("pg", "pg/" + name, "node-" + name, "10.0.0." + name.substr(1), 5432, name == failed ? "critical" : "passing") + ",";
        text.back() = ']';
        consul.set("/v1/health/service/pg", {.index = index, .body = text});
    }
    bool led_by(const std::string& member, milliseconds within = 3s) {
        return until([&] {
            const auto entry = leader("pg");
            return entry && entry->state == LeaderState::led && entry->member == member;
        }, within);
    }
    bool becomes(LeaderState state, milliseconds within = 3s) {
        return until([&] { return leader("pg") && leader("pg")->state == state; }, within);
    }
};

}  // namespace

TEST_CASE("leader: a scope is loading from the start, then led", "[leader]") {
    Cluster scene;
    scene.start();
    REQUIRE(scene.leader("pg"));
    CHECK(scene.leader("pg")->state == LeaderState::loading);
    CHECK_FALSE(scene.watcher->first_sync_done());
    REQUIRE(scene.led_by("m1"));
    CHECK(scene.leader("pg")->host.text == "10.0.0.1");
    CHECK(scene.leader("pg")->port == 5432);
    CHECK(scene.leader("pg")->version > 0);
    REQUIRE(scene.until([&] { return scene.watcher->first_sync_done(); }));
    REQUIRE(scene.until([&] { return scene.consul.count(prefix) == 2; }));
    const auto requests = scene.consul.requests(prefix);
    CHECK(requests[0].query.count("recurse") == 1);
    CHECK_FALSE(requests[0].stale());
    CHECK_FALSE(requests[1].stale());
    CHECK(requests[1].index() == 20);
    CHECK(requests[1].query.at("wait") == "2s");
    CHECK(scene.leader("pg")->node_address.text == "10.0.0.1");
}

TEST_CASE("leader: each move is published at once, and never backwards", "[leader]") {
    Cluster scene;
    scene.start();
    REQUIRE(scene.led_by("m1"));
    std::vector<microseconds> took;
    std::uint64_t index = 20;
    for (int move = 0; move < 60; ++move) {
        const std::string next = "m" + std::to_string((move + 1) % 3 + 1);
        const auto waiting = scene.consul.count(prefix);
        REQUIRE(scene.until([&] { return scene.consul.requests(prefix).back().index() == index && scene.consul.count(prefix) >= waiting; }));
        scene.pass(2ms);
        const auto at = Loop::now();
        scene.keys(++index, next);
        REQUIRE(scene.led_by(next));
        took.push_back(scene.published_at - at);
    }
    std::sort(took.begin(), took.end());
    WARN("from the change at Consul to the Catalog: median " << took[30].count() << " us, longest " << took.back().count() << " us");
    CHECK(took[30] < 5ms);
    std::uint64_t version = 0;
    for (const auto& catalog : scene.published) {
        const auto& entry = *catalog->leaders->at("pg");
        CHECK(entry.version >= version);
        version = entry.version;
    }
}

TEST_CASE("leader: a snapshot that is older is not taken", "[leader]") {
    Cluster scene;
    scene.start();
    REQUIRE(scene.led_by("m1"));
    REQUIRE(scene.until([&] { return scene.consul.count(prefix) == 2; }));
    const auto old = fake::bytes_of({.index = 5, .body = Cluster::body("m2", 5)});
    const auto right = fake::bytes_of({.index = 21, .body = Cluster::body("m3", 21)});
    // One reply that comes late from somewhere, then the truth.
    scene.consul.handle(prefix, [&](const fake::Request& request, const fake::Consul::Line& line) {
        std::this_thread::sleep_for(10ms);
        line.send(request.index() != 0 ? old : right);
    });
    REQUIRE(scene.led_by("m3"));
    for (const auto& catalog : scene.published) CHECK(catalog->leaders->at("pg")->member != "m2");
}

TEST_CASE("leader: a cluster that was restored with smaller indexes is followed", "[leader]") {
    Cluster scene;
    scene.start();
    REQUIRE(scene.led_by("m1"));
    REQUIRE(scene.until([&] { return scene.consul.count(prefix) == 2; }));
    scene.keys(3, "m2");
    CHECK(scene.led_by("m2"));
}

TEST_CASE("leader: the node of the holder failing withdraws it", "[leader]") {
    Cluster scene;
    scene.start();
    REQUIRE(scene.led_by("m1"));
    scene.nodes(11, "m1");
    REQUIRE(scene.becomes(LeaderState::vacant));
    CHECK(scene.leader("pg")->reason == LeaderReason::node_failed);
    scene.keys(21, "m2");
    CHECK(scene.led_by("m2"));
}

TEST_CASE("leader: a prefix that may not be read is told from one that is not there", "[leader]") {
    Cluster scene;
    scene.consul.set(prefix, {.status = 404, .index = 30});
    SECTION("denied") {
        scene.consul.set("/v1/kv/service/pg/leader", {.status = 403, .body = "Permission denied"});
        scene.start();
        REQUIRE(scene.becomes(LeaderState::unreadable));
        SECTION("and allowed again") {
            scene.keys(31, "m2");
            CHECK(scene.led_by("m2"));
        }
    }
    SECTION("absent") {
        scene.consul.set("/v1/kv/service/pg/leader", {.status = 404, .index = 30});
        scene.start();
        REQUIRE(scene.becomes(LeaderState::vacant));
        scene.keys(31, "m2");
        CHECK(scene.led_by("m2"));
    }
}

TEST_CASE("leader: keys are read in the datacenter that the options name", "[leader]") {
    Cluster scene;
    scene.options.consul_datacenter = "dc2";
    LeaderRule lock;
    lock.scope = "lock";
    lock.key = "locks/a";
    scene.options.leader.push_back(lock);
    scene.consul.set(prefix, {.status = 404, .index = 30});
    const std::string single = std::string(prefix) + "leader";
    scene.start();
    REQUIRE(scene.until([&] { return scene.consul.count(single) > 0 && scene.consul.count("/v1/kv/locks/a") > 1; }));
    for (const auto& path : {std::string(prefix), single, std::string("/v1/kv/locks/a")})
        for (const auto& request : scene.consul.requests(path)) {
            INFO(request.target);
            CHECK(request.target.find("dc=dc2") != std::string::npos);
        }
}

TEST_CASE("leader: a prefix that vanishes is read twice and asked about before it counts", "[leader]") {
    Cluster scene;
    scene.consul.set("/v1/kv/service/pg/leader", {.status = 403, .body = "Permission denied"});
    scene.start();
    REQUIRE(scene.led_by("m1"));
    REQUIRE(scene.until([&] { return scene.consul.count(prefix) == 2; }));
    scene.consul.set(prefix, {.status = 404, .index = 30});
    REQUIRE(scene.becomes(LeaderState::unreadable));
    const auto requests = scene.consul.requests(prefix);
    CHECK(requests[2].index() == 0);
    for (const auto& catalog : scene.published) {
        const auto& entry = *catalog->leaders->at("pg");
        CHECK(entry.state != LeaderState::vacant);
        CHECK(entry.reason != LeaderReason::kept_grace);  // nothing was concluded from the absence alone
    }
}

TEST_CASE("leader: while Consul has none itself, its followers are asked once between", "[leader]") {
    Cluster scene;
    scene.start();
    REQUIRE(scene.led_by("m1"));
    REQUIRE(scene.until([&] { return scene.consul.count(prefix) == 2; }));
    std::atomic<std::uint64_t> follower_index{20};
    scene.consul.handle(prefix, [&](const fake::Request& request, const fake::Consul::Line& line) {
        if (!request.stale()) line.send(fake::bytes_of({.status = 500, .index = 1, .body = "No cluster leader"}));
        else if (follower_index == 20) line.send(fake::bytes_of({.index = 20, .body = Cluster::body("m1", 20), .headers = "X-Consul-Knownleader: false\r\n"}));
        else line.send(fake::bytes_of({.index = 19, .body = Cluster::body("m2", 19), .headers = "X-Consul-Knownleader: false\r\n"}));
    });
    scene.pass(1500ms);
    CHECK(scene.leader("pg")->member == "m1");
    CHECK_FALSE(scene.now().contact_lost);
    CHECK(scene.consul.count(prefix) < 20);
    follower_index = 19;  // a follower that is behind
    scene.pass(1500ms);
    CHECK(scene.leader("pg")->member == "m1");
    scene.keys(25, "m3");
    scene.consul.handle(prefix, nullptr);
    CHECK(scene.led_by("m3", 1500ms));
}

TEST_CASE("leader: what a server without a leader repeats is no contact, and its news count", "[leader]") {
    Cluster scene;
    scene.options.leader_max_stale = 2s;
    LeaderRule lock;
    lock.scope = "lock";
    lock.key = "locks/a";
    lock.source = LeaderRule::Source::kv;
    scene.options.leader.push_back(lock);
    const std::string lock_path = "/v1/kv/locks/a", lock_body = "[" + fake::key("locks/a", "10.0.0.9:80", 20, "session-a") + "]";
    scene.consul.set(lock_path, {.index = 20, .body = lock_body});
    scene.consul.set("/v1/session/info/session-a", {.index = 20, .body = R"([{"ID":"session-a","Node":"n1"}])"});
    scene.start();
    REQUIRE(scene.led_by("m1"));
    REQUIRE(scene.until([&] { return scene.leader("lock.leader")->state == LeaderState::led; }));
    std::atomic<std::uint64_t> index{20};
    const auto cut_off = [&](const std::string& path, const std::function<std::string()>& body) {
        scene.consul.handle(path, [&index, body](const fake::Request& request, const fake::Consul::Line& line) {
            if (!request.stale()) line.send(fake::bytes_of({.status = 500, .index = 1, .body = "No cluster leader"}));
            else line.send(fake::bytes_of({.index = index, .body = body(), .headers = "X-Consul-Knownleader: false\r\n"}));
        });
    };
    cut_off(prefix, [&index] { return Cluster::body(index == 20 ? "m1" : "m2", index); });
    cut_off(lock_path, [lock_body] { return lock_body; });
    const auto begun = Loop::now();
    REQUIRE(scene.becomes(LeaderState::vacant, 8s));
    CHECK(Loop::now() - begun > 2s);
    CHECK(scene.leader("pg")->reason == LeaderReason::stale_expired);
    CHECK(scene.until([&] { return scene.leader("lock.leader")->reason == LeaderReason::stale_expired; }, 1s));
    CHECK_FALSE(scene.now().contact_lost);
    index = 21;
    REQUIRE(scene.led_by("m2"));
    CHECK(scene.leader("pg")->reason == LeaderReason::kept_outage);
    const auto stale_rows = [&] {
        const auto rows = scene.watcher->reports();
        return std::count_if(rows.begin(), rows.end(), [](const auto& row) { return row.kind == "leader" && row.stale; });
    };
    CHECK(stale_rows() == 2);
    REQUIRE(scene.watcher->snapshot());
    CHECK(scene.watcher->snapshot()->leaders.empty());
    scene.keys(25, "m3");
    scene.consul.handle(prefix, nullptr);
    REQUIRE(scene.led_by("m3"));
    CHECK(scene.leader("pg")->reason == LeaderReason::confirmed);
    CHECK(stale_rows() == 1);
    CHECK(scene.watcher->snapshot()->leaders.size() == 1);
}

TEST_CASE("leader: the last one is kept while Consul is away, and what was missed comes within a second", "[leader]") {
    Cluster scene;
    scene.start();
    REQUIRE(scene.led_by("m1"));
    scene.consul.stop();
    scene.pass(2s);
    CHECK(scene.leader("pg")->state == LeaderState::led);
    CHECK(scene.leader("pg")->reason == LeaderReason::kept_outage);
    CHECK(scene.now().contact_lost);
    scene.keys(40, "m2");
    scene.consul.start_again();
    const auto back = Loop::now();
    REQUIRE(scene.led_by("m2"));
    CHECK(Loop::now() - back < 1s);
    CHECK(scene.until([&] { return !scene.now().contact_lost; }));
}

TEST_CASE("leader: host names of members are resolved before anybody asks", "[leader]") {
    Cluster scene;
    scene.keys(20, "m1", "DB.example-");
    scene.start();
    REQUIRE(scene.led_by("m1"));
    REQUIRE(scene.until([&] { return scene.resolved.size() >= 3; }));
    CHECK(std::count(scene.resolved.begin(), scene.resolved.end(), "db.example-1") >= 1);
    scene.watcher->on_host("db.example-1", {std::vector{Address::v4(10, 1, 1, 1)}, std::nullopt});
    CHECK(scene.until([&] {
        const auto row = scene.now().hosts->find("db.example-1");  // published a moment after it is known
        return row != scene.now().hosts->end() && row->second->state == FactState::known;
    }));
}

TEST_CASE("leader: without Consul nobody's host name is resolved any more", "[leader]") {
    Cluster scene;
    scene.keys(20, "m1", "db.example-");
    scene.start();
    REQUIRE(scene.until([&] { return scene.resolved.size() >= 3; }));
    const auto asked = scene.resolved.size();
    scene.options.consul_http_addr.clear();
    scene.watcher->adopt(scene.options);
    scene.pass(1s);
    CHECK(scene.resolved.size() == asked);
    CHECK(scene.now().hosts->empty());
}

TEST_CASE("leader: scopes come and go with the options", "[leader]") {
    Cluster scene;
    scene.start();
    REQUIRE(scene.led_by("m1"));
    auto options = scene.options;
    LeaderRule other;
    other.scope = "other";
    other.name_space = "db";
    options.leader = {other};
    scene.consul.set("/v1/kv/db/other/",
                     {.index = 7, .body = "[" + fake::key("db/other/leader", "x1", 7, "s") + "," +
                                          fake::key("db/other/members/x1", fake::member("10.0.0.9", "primary"), 7, "s") + "]"});
    scene.watcher->adopt(options);
    CHECK(scene.leader("pg") == nullptr);
    REQUIRE(scene.until([&] { return scene.leader("other")->state == LeaderState::led; }));
    CHECK(scene.leader("other")->host.text == "10.0.0.9");
    const auto asked = scene.consul.count(prefix);
    scene.keys(50, "m2");
    scene.pass(50ms);
    CHECK(scene.consul.count(prefix) == asked);
}

TEST_CASE("leader: unchanged replies in a row do not become a busy loop", "[leader]") {
    Cluster scene;
    scene.start();
    REQUIRE(scene.led_by("m1"));
    const auto same = fake::bytes_of({.index = 20, .body = Cluster::body("m1", 20)});
    scene.consul.handle(prefix, [&](const fake::Request&, const fake::Consul::Line& line) { line.send(same); });
    scene.keys(20, "m1");
    scene.pass(1s);
    CHECK(scene.consul.count(prefix) < 60);
}
