// Does the Watcher follow the leader scopes of a fake Consul, whatever happens to keys, nodes, tokens and Consul's Raft leader, and how
// fast?
#include <atomic>
#include <catch2/catch.hpp>

#include <algorithm>

#include "tests/loop/watcher_fixture.hpp"
#include "watch/leader/words.hpp"

using namespace lictor;
using namespace lictor::catalog;
using namespace lictor::conf;
using namespace lictor::loop;
using namespace std::chrono_literals;

namespace {

constexpr const char* prefix = "/v1/kv/service/pg/";

struct Cluster : WatcherFixture {
    Cluster() {
        LeaderRule rule;
        rule.scope = "pg";
        options.leader = {rule};
        set_nodes(10);
        set_keys(20, "m1");
    }
    /// The KV body with the members m1 to m3, of which `leader` holds the lock and is primary.
    static std::string body(const std::string& leader, std::uint64_t modify_index, const std::string& host_prefix = "10.0.0.") {
        std::string text = "[";
        if (!leader.empty()) text += fake::key("service/pg/leader", leader, modify_index, "session-" + leader) + ",";
        for (const char* name : {"m1", "m2", "m3"})
            text += fake::key(std::string("service/pg/members/") + name,
                              fake::member(host_prefix + name[1], name == leader ? "master" : "replica"), modify_index,
                              std::string("session-") + name) +
                    ",";
        text.back() = ']';
        return text;
    }
    void set_keys(std::uint64_t index, const std::string& leader, const std::string& host_prefix = "10.0.0.") {
        consul.set(prefix, {.index = index, .body = body(leader, index, host_prefix)});
    }
    void set_nodes(std::uint64_t index, const std::string& failed = {}) {
        std::string text = "[";
        for (const std::string name : {"m1", "m2", "m3"})
            text += fake::instance("pg", "pg/" + name, "node-" + name, "10.0.0." + name.substr(1), 5432,
                                   name == failed ? "critical" : "passing") +
                    ",";
        text.back() = ']';
        consul.set("/v1/health/service/pg", {.index = index, .body = text});
    }
    bool wait_until_led_by(const std::string& member, milliseconds within = 3s) {
        return until(
            [&] {
                const auto entry = leader("pg");
                return entry && entry->state == LeaderState::led && entry->member == member;
            },
            within);
    }
    bool wait_until_state(LeaderState state, milliseconds within = 3s) {
        return until([&] { return leader("pg") && leader("pg")->state == state; }, within);
    }
};

}  // namespace

TEST_CASE("leader: a scope is loading at first, and led after the first read", "[leader]") {
    Cluster cluster;
    cluster.start();
    REQUIRE(cluster.leader("pg"));
    CHECK(cluster.leader("pg")->state == LeaderState::loading);
    CHECK_FALSE(cluster.watcher->first_sync_done());
    REQUIRE(cluster.wait_until_led_by("m1"));
    CHECK(cluster.leader("pg")->host.text == "10.0.0.1");
    CHECK(cluster.leader("pg")->port == 5432);
    CHECK(cluster.leader("pg")->version > 0);
    REQUIRE(cluster.until([&] { return cluster.watcher->first_sync_done(); }));
    REQUIRE(cluster.until([&] { return cluster.consul.count(prefix) == 2; }));
    const auto requests = cluster.consul.requests(prefix);
    CHECK(requests[0].query.count("recurse") == 1);
    CHECK_FALSE(requests[0].stale());
    CHECK_FALSE(requests[1].stale());
    CHECK(requests[1].index() == 20);
    CHECK(requests[1].query.at("wait") == "2s");
    CHECK(cluster.leader("pg")->node_address.text == "10.0.0.1");
}

TEST_CASE("leader: each change is published at once and in order", "[leader]") {
    Cluster cluster;
    cluster.start();
    REQUIRE(cluster.wait_until_led_by("m1"));
    std::vector<microseconds> took;
    std::uint64_t index = 20;
    for (int move = 0; move < 60; ++move) {
        const std::string next = "m" + std::to_string((move + 1) % 3 + 1);
        // The watch has sent the blocking query that waits for the next change.
        REQUIRE(cluster.until([&] { return cluster.consul.requests(prefix).back().index() == index; }));
        cluster.run_for(2ms);
        const auto at = Loop::now();
        cluster.set_keys(++index, next);
        REQUIRE(cluster.wait_until_led_by(next));
        took.push_back(cluster.published_at - at);
    }
    std::sort(took.begin(), took.end());
    WARN("time from a change in Consul until its Catalog is published: median " << took[30].count() << " us, longest "
                                                                                << took.back().count() << " us");
    CHECK(took[30] < 5ms);
    std::uint64_t version = 0;
    for (const auto& catalog : cluster.published) {
        const auto& entry = *catalog->leaders->at("pg");
        CHECK(entry.version >= version);
        version = entry.version;
    }
}

TEST_CASE("leader: an older state is not adopted", "[leader]") {
    Cluster cluster;
    cluster.start();
    REQUIRE(cluster.wait_until_led_by("m1"));
    REQUIRE(cluster.until([&] { return cluster.consul.count(prefix) == 2; }));
    const auto old = fake::bytes_of({.index = 5, .body = Cluster::body("m2", 5)});
    const auto current = fake::bytes_of({.index = 21, .body = Cluster::body("m3", 21)});
    // A blocking query is answered with an older state, a read at index 0 with the current one.
    cluster.consul.handle(prefix, [old, current](const fake::Request& request, const fake::Consul::Connection& connection) {
        std::this_thread::sleep_for(10ms);
        connection.send(request.index() != 0 ? old : current);
    });
    REQUIRE(cluster.wait_until_led_by("m3"));
    for (const auto& catalog : cluster.published) CHECK(catalog->leaders->at("pg")->member != "m2");
}

TEST_CASE("leader: a restored Consul with smaller indexes is followed", "[leader]") {
    Cluster cluster;
    cluster.start();
    REQUIRE(cluster.wait_until_led_by("m1"));
    REQUIRE(cluster.until([&] { return cluster.consul.count(prefix) == 2; }));
    cluster.set_keys(3, "m2");
    CHECK(cluster.wait_until_led_by("m2"));
}

TEST_CASE("leader: a leader whose node failed is withdrawn", "[leader]") {
    Cluster cluster;
    cluster.start();
    REQUIRE(cluster.wait_until_led_by("m1"));
    cluster.set_nodes(11, "m1");
    REQUIRE(cluster.wait_until_state(LeaderState::vacant));
    CHECK(cluster.leader("pg")->reason == LeaderReason::node_failed);
    cluster.set_keys(21, "m2");
    CHECK(cluster.wait_until_led_by("m2"));
}

TEST_CASE("leader: a prefix that the token may not read makes the scope unreadable, a missing one makes it vacant", "[leader]") {
    Cluster cluster;
    cluster.consul.set(prefix, {.status = 404, .index = 30});
    SECTION("denied") {
        cluster.consul.set("/v1/kv/service/pg/leader", {.status = 403, .body = "Permission denied"});
        cluster.start();
        REQUIRE(cluster.wait_until_state(LeaderState::unreadable));
        SECTION("allowed again") {
            cluster.set_keys(31, "m2");
            CHECK(cluster.wait_until_led_by("m2"));
        }
    }
    SECTION("absent") {
        cluster.consul.set("/v1/kv/service/pg/leader", {.status = 404, .index = 30});
        cluster.start();
        REQUIRE(cluster.wait_until_state(LeaderState::vacant));
        cluster.set_keys(31, "m2");
        CHECK(cluster.wait_until_led_by("m2"));
    }
}

TEST_CASE("leader: keys are read in consul-datacenter", "[leader]") {
    Cluster cluster;
    cluster.options.consul_datacenter = "dc2";
    LeaderRule lock;
    lock.scope = "lock";
    lock.key = "locks/a";
    cluster.options.leader.push_back(lock);
    cluster.consul.set(prefix, {.status = 404, .index = 30});
    const std::string leader_key_path = std::string(prefix) + "leader";
    cluster.start();
    REQUIRE(cluster.until([&] { return cluster.consul.count(leader_key_path) > 0 && cluster.consul.count("/v1/kv/locks/a") > 1; }));
    for (const auto& path : {std::string(prefix), leader_key_path, std::string("/v1/kv/locks/a")})
        for (const auto& request : cluster.consul.requests(path)) {
            INFO(request.target);
            CHECK(request.target.find("dc=dc2") != std::string::npos);
        }
}

TEST_CASE("leader: after a 404 for the KV prefix, the prefix and its leader key are read again before the scope becomes vacant",
          "[leader]") {
    Cluster cluster;
    cluster.consul.set("/v1/kv/service/pg/leader", {.status = 403, .body = "Permission denied"});
    cluster.start();
    REQUIRE(cluster.wait_until_led_by("m1"));
    REQUIRE(cluster.until([&] { return cluster.consul.count(prefix) == 2; }));
    cluster.consul.set(prefix, {.status = 404, .index = 30});
    REQUIRE(cluster.wait_until_state(LeaderState::unreadable));
    const auto requests = cluster.consul.requests(prefix);
    CHECK(requests[2].index() == 0);
    for (const auto& catalog : cluster.published) {
        const auto& entry = *catalog->leaders->at("pg");
        CHECK(entry.state != LeaderState::vacant);
        CHECK(entry.reason != LeaderReason::kept_grace);  // the 404 for the prefix alone must not start the grace period
    }
}

TEST_CASE("leader: while Consul has no Raft leader, reads alternate between consistent and stale", "[leader]") {
    std::atomic<std::uint64_t> follower_index{20};
    Cluster cluster;
    cluster.start();
    REQUIRE(cluster.wait_until_led_by("m1"));
    REQUIRE(cluster.until([&] { return cluster.consul.count(prefix) == 2; }));
    cluster.consul.handle(prefix, [&](const fake::Request& request, const fake::Consul::Connection& connection) {
        if (!request.stale()) connection.send(fake::bytes_of({.status = 500, .index = 1, .body = "No cluster leader"}));
        else if (follower_index == 20)
            connection.send(fake::bytes_of({.index = 20, .body = Cluster::body("m1", 20), .headers = "X-Consul-Knownleader: false\r\n"}));
        else connection.send(fake::bytes_of({.index = 19, .body = Cluster::body("m2", 19), .headers = "X-Consul-Knownleader: false\r\n"}));
    });
    cluster.run_for(1500ms);
    CHECK(cluster.leader("pg")->member == "m1");
    CHECK_FALSE(cluster.last_catalog().contact_lost);
    CHECK(cluster.consul.count(prefix) < 20);
    follower_index = 19;  // the follower answers an older state from now on
    cluster.run_for(1500ms);
    CHECK(cluster.leader("pg")->member == "m1");
    cluster.set_keys(25, "m3");
    cluster.consul.handle(prefix, nullptr);
    CHECK(cluster.wait_until_led_by("m3", 1500ms));
}

TEST_CASE(
    "leader: from a server without a Raft leader, an unchanged reply does not extend leader-max-stale, and a changed reply is adopted",
    "[leader]") {
    std::atomic<std::uint64_t> index{20};
    Cluster cluster;
    cluster.options.leader_max_stale = 2s;
    LeaderRule lock;
    lock.scope = "lock";
    lock.key = "locks/a";
    lock.source = LeaderRule::Source::kv;
    cluster.options.leader.push_back(lock);
    const std::string lock_path = "/v1/kv/locks/a", lock_body = "[" + fake::key("locks/a", "10.0.0.9:80", 20, "session-a") + "]";
    cluster.consul.set(lock_path, {.index = 20, .body = lock_body});
    cluster.consul.set("/v1/session/info/session-a", {.index = 20, .body = R"([{"ID":"session-a","Node":"n1"}])"});
    cluster.start();
    REQUIRE(cluster.wait_until_led_by("m1"));
    REQUIRE(cluster.until([&] { return cluster.leader("lock.leader")->state == LeaderState::led; }));
    const auto answer_without_raft_leader = [&](const std::string& path, const std::function<std::string()>& body) {
        cluster.consul.handle(path, [&index, body](const fake::Request& request, const fake::Consul::Connection& connection) {
            if (!request.stale()) connection.send(fake::bytes_of({.status = 500, .index = 1, .body = "No cluster leader"}));
            else connection.send(fake::bytes_of({.index = index, .body = body(), .headers = "X-Consul-Knownleader: false\r\n"}));
        });
    };
    answer_without_raft_leader(prefix, [&index] { return Cluster::body(index == 20 ? "m1" : "m2", index); });
    answer_without_raft_leader(lock_path, [lock_body] { return lock_body; });
    const auto begun = Loop::now();
    REQUIRE(cluster.wait_until_state(LeaderState::vacant, 8s));
    CHECK(Loop::now() - begun > 2s);
    CHECK(cluster.leader("pg")->reason == LeaderReason::stale_expired);
    CHECK(cluster.until([&] { return cluster.leader("lock.leader")->reason == LeaderReason::stale_expired; }, 1s));
    CHECK_FALSE(cluster.last_catalog().contact_lost);
    index = 21;
    REQUIRE(cluster.wait_until_led_by("m2"));
    CHECK(cluster.leader("pg")->reason == LeaderReason::kept_outage);
    const auto stale_rows = [&] {
        const auto rows = cluster.watcher->reports();
        return std::count_if(rows.begin(), rows.end(), [](const auto& row) { return row.kind == "leader" && row.stale; });
    };
    CHECK(stale_rows() == 2);
    REQUIRE(cluster.watcher->snapshot());
    CHECK(cluster.watcher->snapshot()->leaders.empty());
    cluster.set_keys(25, "m3");
    cluster.consul.handle(prefix, nullptr);
    REQUIRE(cluster.wait_until_led_by("m3"));
    CHECK(cluster.leader("pg")->reason == LeaderReason::confirmed);
    CHECK(stale_rows() == 1);
    CHECK(cluster.watcher->snapshot()->leaders.size() == 1);
}

TEST_CASE("leader: without contact with Consul the last leader is kept; after contact returns, a missed change is read within a second",
          "[leader]") {
    Cluster cluster;
    cluster.start();
    REQUIRE(cluster.wait_until_led_by("m1"));
    cluster.consul.stop();
    cluster.run_for(2s);
    CHECK(cluster.leader("pg")->state == LeaderState::led);
    CHECK(cluster.leader("pg")->reason == LeaderReason::kept_outage);
    CHECK(cluster.last_catalog().contact_lost);
    cluster.set_keys(40, "m2");
    cluster.consul.start_again();
    const auto back = Loop::now();
    REQUIRE(cluster.wait_until_led_by("m2"));
    CHECK(Loop::now() - back < 1s);
    CHECK(cluster.until([&] { return !cluster.last_catalog().contact_lost; }));
}

TEST_CASE("leader: host names of members are resolved before the first query", "[leader]") {
    Cluster cluster;
    cluster.set_keys(20, "m1", "DB.example-");
    cluster.start();
    REQUIRE(cluster.wait_until_led_by("m1"));
    REQUIRE(cluster.until([&] { return cluster.resolved.size() >= 3; }));
    CHECK(std::count(cluster.resolved.begin(), cluster.resolved.end(), "db.example-1") >= 1);
    cluster.watcher->on_host("db.example-1", {std::vector{Address::v4(10, 1, 1, 1)}, std::nullopt});
    CHECK(cluster.until([&] {
        const auto row = cluster.last_catalog().hosts->find("db.example-1");  // published shortly after on_host
        return row != cluster.last_catalog().hosts->end() && row->second->state == FactState::known;
    }));
}

TEST_CASE("leader: after a reload without consul-http-addr, host names of members are no longer resolved", "[leader]") {
    Cluster cluster;
    cluster.set_keys(20, "m1", "db.example-");
    cluster.start();
    REQUIRE(cluster.until([&] { return cluster.resolved.size() >= 3; }));
    const auto asked = cluster.resolved.size();
    cluster.options.consul_http_addr.clear();
    cluster.watcher->adopt(cluster.options);
    cluster.run_for(1s);
    CHECK(cluster.resolved.size() == asked);
    CHECK(cluster.last_catalog().hosts->empty());
}

TEST_CASE("leader: new options add and remove scopes", "[leader]") {
    Cluster cluster;
    cluster.start();
    REQUIRE(cluster.wait_until_led_by("m1"));
    REQUIRE(cluster.until([&] { return cluster.consul.count(prefix) == 2; }));  // the read, and the blocking query after it
    auto options = cluster.options;
    LeaderRule other;
    other.scope = "other";
    other.name_space = "db";
    options.leader = {other};
    cluster.consul.set("/v1/kv/db/other/", {.index = 7,
                                            .body = "[" + fake::key("db/other/leader", "x1", 7, "s") + "," +
                                                    fake::key("db/other/members/x1", fake::member("10.0.0.9", "primary"), 7, "s") + "]"});
    cluster.watcher->adopt(options);
    CHECK(cluster.leader("pg") == nullptr);
    REQUIRE(cluster.until([&] { return cluster.leader("other")->state == LeaderState::led; }));
    CHECK(cluster.leader("other")->host.text == "10.0.0.9");
    const auto asked = cluster.consul.count(prefix);
    cluster.set_keys(50, "m2");
    cluster.run_for(50ms);
    CHECK(cluster.consul.count(prefix) == asked);
}

TEST_CASE("leader: immediate unchanged replies do not cause a busy loop", "[leader]") {
    Cluster cluster;
    cluster.start();
    REQUIRE(cluster.wait_until_led_by("m1"));
    const auto same = fake::bytes_of({.index = 20, .body = Cluster::body("m1", 20)});
    cluster.consul.handle(prefix, [same](const fake::Request&, const fake::Consul::Connection& connection) { connection.send(same); });
    cluster.set_keys(20, "m1");
    cluster.run_for(1s);
    CHECK(cluster.consul.count(prefix) < 60);
}

TEST_CASE("leader: a configured scope without keys stays, with what is there instead", "[leader]") {
    Cluster cluster;
    cluster.options.leader[0].scope = "orders";
    cluster.consul.set("/v1/kv/service/", {.index = 20, .body = R"(["service/","service/pg/","service/notes"])"});
    cluster.consul.set("/v1/health/service/orders", {.index = 20, .body = "[]"});
    cluster.start();
    REQUIRE(cluster.until([&] { return cluster.leader("orders") && !cluster.leader("orders")->hint.empty(); }));
    CHECK(cluster.leader("orders")->state == LeaderState::vacant);
    CHECK(cluster.leader("orders")->reason == LeaderReason::no_keys);
    CHECK(cluster.leader("orders")->hint == "scopes seen there: pg");
    CHECK(lictor::leader::leader_why(*cluster.leader("orders")) ==
          "queries are held: there is no key below service/orders/; scopes seen there: pg");
    CHECK(cluster.until([&] { return cluster.watcher->first_sync_done(); }));
    const auto version = cluster.leader("orders")->version;
    // The cluster is made: it is followed, and the hint is gone.
    cluster.consul.set("/v1/kv/service/orders/",
                       {.index = 30,
                        .body = "[" + fake::key("service/orders/leader", "m1", 30, "s") + "," +
                                fake::key("service/orders/members/m1", fake::member("10.0.0.1", "master"), 30, "s") + "]"});
    REQUIRE(cluster.until([&] { return cluster.leader("orders")->state == LeaderState::led; }));
    CHECK(cluster.leader("orders")->hint.empty());
    CHECK(cluster.leader("orders")->version > version);
}

TEST_CASE("leader: the keys of a scope that are in another namespace are named", "[leader]") {
    Cluster cluster;
    cluster.options.leader[0].name_space = "servce";
    cluster.consul.handle("/v1/kv/service/pg/", [](const auto&, const auto& connection) {
        connection.send(fake::bytes_of({.index = 20, .body = R"(["service/pg/leader"])"}));
    });
    cluster.consul.set("/v1/kv/", {.index = 20, .body = R"(["service/"])"});
    cluster.consul.set("/v1/kv/service/", {.index = 20, .body = R"(["service/pg/"])"});
    cluster.start();
    REQUIRE(cluster.until([&] { return cluster.leader("pg") && !cluster.leader("pg")->hint.empty(); }));
    CHECK(cluster.leader("pg")->hint == "this scope has keys below service/pg/: write leader=pg,namespace=service");
}

TEST_CASE("leader: a folder that cannot be listed, or is empty", "[leader]") {
    Cluster cluster;
    cluster.options.leader[0].scope = "orders";
    LeaderRule lock;
    lock.scope = "jobs";
    lock.key = "jobs/.lokc";
    cluster.options.leader.push_back(lock);
    cluster.consul.set("/v1/kv/jobs/", {.index = 20, .body = R"(["jobs/.lock","jobs/old/"])"});
    cluster.start();
    REQUIRE(cluster.until([&] { return cluster.leader("orders") && !cluster.leader("orders")->hint.empty(); }));
    CHECK(cluster.leader("orders")->hint == "there is no scope below service/");
    REQUIRE(cluster.until([&] { return cluster.leader("jobs.leader") && !cluster.leader("jobs.leader")->hint.empty(); }));
    CHECK(cluster.leader("jobs.leader")->reason == LeaderReason::no_keys);
    CHECK(cluster.leader("jobs.leader")->hint == "keys seen there: .lock, old/");
}
