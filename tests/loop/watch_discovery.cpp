// Are Patroni scopes found without a `leader` line? Are tags never answered before the keys are read, even if Consul fails meanwhile?
#include <catch2/catch.hpp>

#include <algorithm>
#include <atomic>
#include <thread>

#include "tests/loop/watcher_fixture.hpp"

using namespace lictor;
using namespace lictor::catalog;
using namespace lictor::conf;
using namespace std::chrono_literals;

namespace {

struct Found : WatcherFixture {
    std::atomic<int> list_status{200};

    Found() {
        registered(10, "master");
        const std::string keys = "[" + fake::key("service/pg/leader", "m1", 20, "session-m1") + "," +
                                 fake::key("service/pg/members/m1", fake::member("10.0.0.1", "master"), 20, "session-m1") + "," +
                                 fake::key("service/pg/members/m2", fake::member("10.0.0.2", "replica"), 20, "session-m2") + "]";
        consul.handle("/v1/kv/service/pg/", [this, keys](const auto& request, const auto& connection) {
            if (request.query.count("keys")) {
                const int status = list_status;
                connection.send(fake::bytes_of({.status = status,
                                                .index = 20,
                                                .body = status == 200   ? R"(["service/pg/leader","service/pg/members/m1"])"
                                                        : status == 403 ? "Permission denied"
                                                                        : "No cluster leader"}));
                return;
            }
            if (request.index() != 0) std::this_thread::sleep_for(300ms);
            connection.send(fake::bytes_of({.index = 20, .body = keys}));
        });
    }
    void registered(std::uint64_t index, const std::string& tag) {
        std::string text =
            "[" + fake::instance("pg", "pg/m1", "n1", "10.0.0.1", 5432) + "," + fake::instance("pg", "pg/m2", "n2", "10.0.0.2", 5432) + "]";
        for (auto at = text.find(R"(["a"])"); at != std::string::npos; at = text.find(R"(["a"])")) text.replace(at, 5, "[\"" + tag + "\"]");
        consul.set("/v1/health/service/pg", {.index = index, .body = text});
    }
    /// True if each published Catalog with the service also has its leader entry.
    bool never_by_tags() const {
        return std::none_of(published.begin(), published.end(), [](const auto& catalog) {
            const auto entry = catalog->services->find("pg");
            const bool known =
                entry != catalog->services->end() && entry->second->state == FactState::known && !entry->second->instances.empty();
            return known && catalog->leaders->find("pg") == catalog->leaders->end();
        });
    }
    /// The snapshot of a followed scope, after Consul and the Watcher have ended.
    Snapshot end_without_consul() {
        start();
        request("pg");
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
        request("pg");
    }
    bool led(milliseconds within = 5s) {
        return until([&] { return leader("pg") && leader("pg")->state == LeaderState::led; }, within);
    }
};

}  // namespace

TEST_CASE("discovery: service and leader entry are published together, and the keys decide", "[discovery]") {
    Found fixture;
    fixture.start();
    fixture.request("pg");
    REQUIRE(fixture.led());
    CHECK(fixture.never_by_tags());
    CHECK(fixture.leader("pg")->discovered);
    CHECK(fixture.leader("pg")->member == "m1");
    CHECK(fixture.leader("pg")->name_space == "service");
    const auto& catalogs = fixture.published;
    const auto first = std::find_if(catalogs.begin(), catalogs.end(), [](const auto& each) { return each->leaders->contains("pg"); });
    CHECK((*first)->leaders->at("pg")->state == LeaderState::loading);
}

TEST_CASE("discovery: without a Raft leader the search is repeated, and tags are not answered meanwhile", "[discovery]") {
    Found fixture;
    fixture.list_status = 500;
    fixture.consul.set("/v1/kv/", {.status = 500, .body = "No cluster leader"});
    fixture.start();
    fixture.request("pg");
    REQUIRE(fixture.known("pg", 2));
    CHECK_FALSE(fixture.led(1500ms));
    REQUIRE(fixture.leader("pg"));
    CHECK(fixture.leader("pg")->state == LeaderState::loading);
    fixture.list_status = 200;
    CHECK(fixture.led());
    CHECK(fixture.never_by_tags());
}

TEST_CASE("discovery: when the watch of a service ends, its leader entry ends too", "[discovery]") {
    Found fixture;
    fixture.options.consul_watch_idle = 1s;
    fixture.list_status = 500;
    fixture.consul.set("/v1/kv/", {.status = 500, .body = "No cluster leader"});
    fixture.start();
    fixture.request("pg");
    REQUIRE(fixture.known("pg", 2));
    REQUIRE(fixture.leader("pg"));
    fixture.run_for(2200ms);
    fixture.registered(11, "master");  // the last reply
    REQUIRE(fixture.until([&] { return !fixture.service("pg"); }));
    CHECK(fixture.until([&] { return !fixture.leader("pg"); }, 3s));
}

TEST_CASE("discovery: if the keys are denied, or in strict mode, the service is an ordinary one", "[discovery]") {
    Found fixture;
    fixture.list_status = 403;
    fixture.consul.set("/v1/kv/", {.status = 403, .body = "Permission denied"});
    fixture.start();
    fixture.request("pg");
    REQUIRE(fixture.known("pg", 2));
    CHECK(fixture.until([&] { return !fixture.leader("pg"); }));

    Found strict;
    strict.options.consul_dns_compat = ConsulCompat::strict;
    strict.start();
    strict.request("pg");
    REQUIRE(strict.known("pg", 2));
    CHECK_FALSE(strict.until([&] { return strict.leader("pg") != nullptr; }, 500ms));
    // Without strict the scope is found; with it the entry is removed.
    strict.options.consul_dns_compat = ConsulCompat::fixed;
    strict.watcher->adopt(strict.options);
    REQUIRE(strict.led());
    strict.options.consul_dns_compat = ConsulCompat::strict;
    strict.watcher->adopt(strict.options);
    CHECK(strict.until([&] { return !strict.leader("pg"); }));
}

TEST_CASE("discovery: after a restart without Consul the leader of the snapshot is answered for Patroni's ttl, and tags are not",
          "[discovery]") {
    Found fixture;
    auto snapshot = fixture.end_without_consul();
    snapshot.contact_unix -= 26;
    fixture.start_from(snapshot);
    REQUIRE(fixture.led(3s));
    CHECK(fixture.leader("pg")->member == "m1");
    CHECK(fixture.leader("pg")->name_space == "service");
    CHECK(fixture.leader("pg")->discovered);
    CHECK(fixture.leader("pg")->reason == LeaderReason::kept_outage);
    REQUIRE(fixture.service("pg"));
    CHECK(fixture.service("pg")->stale);
    CHECK(fixture.until([&] { return fixture.leader("pg")->reason == LeaderReason::stale_expired; }, 5s));
    CHECK(fixture.leader("pg")->state == LeaderState::vacant);
    CHECK(fixture.never_by_tags());
    fixture.consul.start_again();
    REQUIRE(fixture.led());
    CHECK(fixture.leader("pg")->reason == LeaderReason::confirmed);
}

TEST_CASE("discovery: after a restart the snapshot's leader is answered if the agent has no servers or rejects the token", "[discovery]") {
    const bool unknown_token = GENERATE(false, true);
    INFO(unknown_token);
    Found fixture;
    auto snapshot = fixture.end_without_consul();
    fixture.list_status = unknown_token ? 403 : 500;
    const std::string body = unknown_token ? "ACL not found" : "No cluster leader";
    for (const char* path : {"/v1/kv/", "/v1/kv/service/pg/", "/v1/health/service/pg"}) {
        fixture.consul.handle(path, nullptr);
        fixture.consul.set(path, {.status = fixture.list_status, .body = body});
    }
    fixture.consul.start_again();
    fixture.start_from(snapshot);
    REQUIRE(fixture.led(3s));
    CHECK(fixture.leader("pg")->member == "m1");
    CHECK(fixture.leader("pg")->reason == LeaderReason::kept_outage);
    CHECK(fixture.never_by_tags());
}

TEST_CASE("discovery: after a restart without Consul and without a leader in the snapshot tags are not answered", "[discovery][slow]") {
    Found fixture;
    auto snapshot = fixture.end_without_consul();
    snapshot.leaders.clear();
    fixture.start_from(snapshot);
    REQUIRE(fixture.known("pg", 2));
    fixture.run_for(12s);
    REQUIRE(fixture.leader("pg"));
    CHECK(fixture.leader("pg")->state == LeaderState::loading);
    CHECK(fixture.never_by_tags());
    fixture.consul.start_again();
    CHECK(fixture.led());
}

TEST_CASE("discovery: a service without role tags is ordinary; a new role tag starts a search", "[discovery]") {
    Found fixture;
    fixture.registered(10, "blue");
    fixture.start();
    fixture.request("pg");
    REQUIRE(fixture.known("pg", 2));
    CHECK_FALSE(fixture.until([&] { return fixture.leader("pg") != nullptr; }, 300ms));
    CHECK(fixture.consul.count("/v1/kv/service/pg/") == 0);
    fixture.registered(11, "replica");
    CHECK(fixture.led());
}

TEST_CASE("discovery: the number of scopes is bounded, with a counter", "[discovery]") {
    Found fixture;
    fixture.start();
    for (int i = 0; i < 100; ++i) {
        const std::string name = "pg" + std::to_string(i);
        std::string text = "[" + fake::instance(name, name + "/m1", "n1", "10.0.0.1", 5432) + "]";
        text.replace(text.find(R"(["a"])"), 5, R"(["master"])");
        fixture.consul.set("/v1/health/service/" + name, {.index = 5, .body = text});
        fixture.consul.set("/v1/kv/service/" + name + "/", {.index = 5, .body = "[\"service/" + name + "/members/m1\"]"});
        fixture.request(name);
    }
    CHECK(fixture.until([&] { return fixture.counters.discoveries_refused.get() > 0; }, 10s));
    fixture.run_for(500ms);
    CHECK(fixture.last_catalog().leaders->size() <= 32);
}
