// Patroni scopes that nobody configured, on a real loop: what a question may see between the registration and the keys, and when Consul
// fails in between.
#include <catch2/catch.hpp>

#include <algorithm>
#include <atomic>
#include <thread>

#include "tests/loop/watch_scene.hpp"

using namespace lictor;
using namespace std::chrono_literals;

namespace {

struct Found : Scene {
    std::atomic<int> list_status{200};

    Found() {
        registered(10, "master");
        const std::string keys = "[" + fake::key("service/pg/leader", "m1", 20, "session-m1") + "," +
                                 fake::key("service/pg/members/m1", fake::member("10.0.0.1", "master"), 20, "session-m1") + "," +
                                 fake::key("service/pg/members/m2", fake::member("10.0.0.2", "replica"), 20, "session-m2") + "]";
        consul.handle("/v1/kv/service/pg/", [this, keys](const auto& request, const auto& line) {
            if (request.query.count("keys")) {
                const int status = list_status;
                line.send(fake::bytes_of({.status = status, .index = 20, .body = status == 200 ? R"(["service/pg/leader","service/pg/members/m1"])" : status == 403 ? "Permission denied" : "No cluster leader"}));
                return;
            }
            if (request.index() != 0) std::this_thread::sleep_for(300ms);
            line.send(fake::bytes_of({.index = 20, .body = keys}));
        });
    }
    void registered(std::uint64_t index, const std::string& tag) {
        std::string text = "[" + fake::instance("pg", "pg/m1", "n1", "10.0.0.1", 5432) + "," + fake::instance("pg", "pg/m2", "n2", "10.0.0.2", 5432) + "]";
        for (auto at = text.find(R"(["a"])"); at != std::string::npos; at = text.find(R"(["a"])")) text.replace(at, 5, "[\"" + tag + "\"]");
        consul.set("/v1/health/service/pg", {.index = index, .body = text});
    }
    /// Every published Catalog that knows the service knows that it has a leader, too.
    bool never_by_tags() const {
        return std::none_of(published.begin(), published.end(), [](const auto& catalog) {
            const auto entry = catalog->services->find("pg");
            const bool known = entry != catalog->services->end() && entry->second->state == FactState::known && !entry->second->instances.empty();
            return known && catalog->leaders->find("pg") == catalog->leaders->end();
        });
    }
    /// What is kept of a scope that is followed, when Consul and the Watcher have ended.
    Snapshot end_without_consul() {
        start();
        want("pg");
        REQUIRE(until([&] { return watcher->snapshot() && !watcher->snapshot()->leaders.empty(); }));
        const auto kept = *watcher->snapshot();
        consul.stop();
        watcher.reset();
        published.clear();
        return kept;
    }
    void start_from(const Snapshot& kept) {
        snapshot = std::make_shared<Snapshot>(kept);
        start();
        want("pg");
    }
    bool led(milliseconds within = 5s) {
        return until([&] { return leader("pg") && leader("pg")->state == LeaderState::led; }, within);
    }
};

}  // namespace

TEST_CASE("discovery: service and leader become known together, and the keys decide", "[discovery]") {
    Found scene;
    scene.start();
    scene.want("pg");
    REQUIRE(scene.led());
    CHECK(scene.never_by_tags());
    CHECK(scene.leader("pg")->discovered);
    CHECK(scene.leader("pg")->member == "m1");
    CHECK(scene.leader("pg")->name_space == "service");
    const auto& catalogs = scene.published;
    const auto first = std::find_if(catalogs.begin(), catalogs.end(), [](const auto& each) { return each->leaders->count("pg") > 0; });
    CHECK((*first)->leaders->at("pg")->state == LeaderState::loading);
}

TEST_CASE("discovery: a Consul without a leader is asked again, and tags are no answer meanwhile", "[discovery]") {
    Found scene;
    scene.list_status = 500;
    scene.consul.set("/v1/kv/", {.status = 500, .body = "No cluster leader"});
    scene.start();
    scene.want("pg");
    REQUIRE(scene.known("pg", 2));
    CHECK_FALSE(scene.led(1500ms));
    REQUIRE(scene.leader("pg"));
    CHECK(scene.leader("pg")->state == LeaderState::loading);
    scene.list_status = 200;
    CHECK(scene.led());
    CHECK(scene.never_by_tags());
}

TEST_CASE("discovery: a service that nobody watches any more leaves no leader waiting", "[discovery]") {
    Found scene;
    scene.options.consul_watch_idle = 1s;
    scene.list_status = 500;
    scene.consul.set("/v1/kv/", {.status = 500, .body = "No cluster leader"});
    scene.start();
    scene.want("pg");
    REQUIRE(scene.known("pg", 2));
    REQUIRE(scene.leader("pg"));
    scene.pass(2200ms);
    scene.registered(11, "master");  // the reply after which nobody asks again
    REQUIRE(scene.until([&] { return !scene.service("pg"); }));
    CHECK(scene.until([&] { return !scene.leader("pg"); }, 3s));
}

TEST_CASE("discovery: without rights to the keys, or under strict, the service is an ordinary one", "[discovery]") {
    Found scene;
    scene.list_status = 403;
    scene.consul.set("/v1/kv/", {.status = 403, .body = "Permission denied"});
    scene.start();
    scene.want("pg");
    REQUIRE(scene.known("pg", 2));
    CHECK(scene.until([&] { return !scene.leader("pg"); }));

    Found strict;
    strict.options.consul_dns_compat = ConsulCompat::strict;
    strict.start();
    strict.want("pg");
    REQUIRE(strict.known("pg", 2));
    CHECK_FALSE(strict.until([&] { return strict.leader("pg") != nullptr; }, 500ms));
    // Found when it is switched off, forgotten when it is switched on.
    strict.options.consul_dns_compat = ConsulCompat::fixed;
    strict.watcher->adopt(strict.options);
    REQUIRE(strict.led());
    strict.options.consul_dns_compat = ConsulCompat::strict;
    strict.watcher->adopt(strict.options);
    CHECK(strict.until([&] { return !strict.leader("pg"); }));
}

TEST_CASE("discovery: after a restart without Consul the leader of the snapshot is answered for Patroni's ttl, and no tags", "[discovery]") {
    Found scene;
    auto snapshot = scene.end_without_consul();
    snapshot.contact_unix -= 26;
    scene.start_from(snapshot);
    REQUIRE(scene.led(3s));
    CHECK(scene.leader("pg")->member == "m1");
    CHECK(scene.leader("pg")->name_space == "service");
    CHECK(scene.leader("pg")->discovered);
    CHECK(scene.leader("pg")->reason == LeaderReason::kept_outage);
    REQUIRE(scene.service("pg"));
    CHECK(scene.service("pg")->stale);
    CHECK(scene.until([&] { return scene.leader("pg")->reason == LeaderReason::stale_expired; }, 5s));
    CHECK(scene.leader("pg")->state == LeaderState::vacant);
    CHECK(scene.never_by_tags());
    scene.consul.start_again();
    REQUIRE(scene.led());
    CHECK(scene.leader("pg")->reason == LeaderReason::confirmed);
}

TEST_CASE("discovery: after a restart beside an agent whose servers are away, or who knows no token, the snapshot's leader is answered", "[discovery]") {
    const bool unknown_token = GENERATE(false, true);
    INFO(unknown_token);
    Found scene;
    auto snapshot = scene.end_without_consul();
    scene.list_status = unknown_token ? 403 : 500;
    const std::string body = unknown_token ? "ACL not found" : "No cluster leader";
    for (const char* path : {"/v1/kv/", "/v1/kv/service/pg/", "/v1/health/service/pg"}) {
        scene.consul.handle(path, nullptr);
        scene.consul.set(path, {.status = scene.list_status, .body = body});
    }
    scene.consul.start_again();
    scene.start_from(snapshot);
    REQUIRE(scene.led(3s));
    CHECK(scene.leader("pg")->member == "m1");
    CHECK(scene.leader("pg")->reason == LeaderReason::kept_outage);
    CHECK(scene.never_by_tags());
}

TEST_CASE("discovery: after a restart without Consul tags are no answer where the snapshot has no leader", "[discovery][slow]") {
    Found scene;
    auto snapshot = scene.end_without_consul();
    snapshot.leaders.clear();
    scene.start_from(snapshot);
    REQUIRE(scene.known("pg", 2));
    scene.pass(12s);
    REQUIRE(scene.leader("pg"));
    CHECK(scene.leader("pg")->state == LeaderState::loading);
    CHECK(scene.never_by_tags());
    scene.consul.start_again();
    CHECK(scene.led());
}

TEST_CASE("discovery: tags that are no role leave a service alone; a role that comes is looked at", "[discovery]") {
    Found scene;
    scene.registered(10, "blue");
    scene.start();
    scene.want("pg");
    REQUIRE(scene.known("pg", 2));
    CHECK_FALSE(scene.until([&] { return scene.leader("pg") != nullptr; }, 300ms));
    CHECK(scene.consul.count("/v1/kv/service/pg/") == 0);
    scene.registered(11, "replica");
    CHECK(scene.led());
}

TEST_CASE("discovery: the number of scopes is bounded, with a counter", "[discovery]") {
    Found scene;
    scene.start();
    for (int i = 0; i < 100; ++i) {
        const std::string name = "pg" + std::to_string(i);
        std::string text = "[" + fake::instance(name, name + "/m1", "n1", "10.0.0.1", 5432) + "]";
        text.replace(text.find(R"(["a"])"), 5, R"(["master"])");
        scene.consul.set("/v1/health/service/" + name, {.index = 5, .body = text});
        scene.consul.set("/v1/kv/service/" + name + "/", {.index = 5, .body = "[\"service/" + name + "/members/m1\"]"});
        scene.want(name);
    }
    CHECK(scene.until([&] { return scene.counters.discoveries_refused.get() > 0; }, 10s));
    scene.pass(500ms);
    CHECK(scene.now().leaders->size() <= 32);
}
