// To which deposed leaders are connections ended, when, and when not? A Stage offers Catalogs as the watcher does.
#include "resolver/cut/leader_cuts.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <map>

using namespace lictor;
using namespace lictor::catalog;
using namespace lictor::cut;

namespace {

Endpoint place(const char* address, std::uint16_t port = 5432) { return {*Address::parse(address), port}; }

struct Stage {
    LeaderCuts cuts;
    Catalog catalog;
    std::map<std::string, LeaderEntry> entries;
    Now now = seconds(100);
    bool revoked = false;

    LeaderEntry& entry(const std::string& service) {
        auto& one = entries[service];
        one.scope = one.service = service;
        one.keys = "service/" + service + "/";
        return one;
    }
    void offer() {
        auto table = std::make_shared<TableOf<LeaderEntry>>();
        for (const auto& [service, one] : entries) (*table)[service] = std::make_shared<LeaderEntry>(one);
        catalog.leaders = std::move(table);
        revoked = cuts.on_catalog(catalog, now);
    }
    void lead(const std::string& member, const char* host, std::uint16_t port = 5432, const std::string& service = "pg") {
        auto& one = entry(service);
        one.state = LeaderState::led;
        one.reason = LeaderReason::confirmed;
        one.member = one.holder = member;
        one.host = HostText(host);
        one.port = port;
        offer();
    }
    void withdraw(LeaderReason reason, LeaderState state = LeaderState::vacant, const std::string& service = "pg") {
        auto& one = entry(service);
        one.state = state;
        one.reason = reason;
        one.host = HostText();
        one.port = 0;
        offer();
    }
    std::vector<Endpoint> due() { return cuts.due(now); }
    /// All turns until nothing is left, as offsets in milliseconds from now.
    std::vector<std::int64_t> turns() {
        const Now from = now;
        std::vector<std::int64_t> times;
        while (const auto next = cuts.next()) {
            now = std::max(now, *next);
            if (!cuts.take_finished(now).empty()) break;
            if (!due().empty()) times.push_back((now - from) / milliseconds(1));
            REQUIRE(times.size() < 500);
        }
        return times;
    }
};

}  // namespace

TEST_CASE("leader-cut: a deposed leader's place is due at once, and another leader's address is not") {
    Stage stage;
    stage.lead("pg1", "10.0.0.1");
    CHECK(stage.due().empty());
    CHECK_FALSE(stage.cuts.next());
    stage.withdraw(LeaderReason::released);
    CHECK(stage.due() == std::vector{place("10.0.0.1")});
    CHECK(stage.due().empty());  // its next turn is later
    CHECK(stage.cuts.on_ended(place("10.0.0.1"), 3) == "pg");
    stage.lead("pg2", "10.0.0.2");
    CHECK_FALSE(stage.revoked);
    stage.now += seconds(6);
    CHECK(stage.due().empty());
    const auto finished = stage.cuts.take_finished(stage.now);
    REQUIRE(finished.size() == 1);
    CHECK(finished[0].member == "pg1");
    CHECK(finished[0].connections == 3);
    CHECK(finished[0].places == std::vector{place("10.0.0.1")});
    CHECK_FALSE(finished[0].shared);
    CHECK_FALSE(stage.cuts.next());
}

TEST_CASE("leader-cut: which reasons of a withdrawal depose the leader") {
    const std::map<LeaderReason, LeaderState> no{
        {LeaderReason::not_read_yet, LeaderState::loading},  {LeaderReason::no_keys, LeaderState::vacant},
        {LeaderReason::announced, LeaderState::vacant},      {LeaderReason::access_denied, LeaderState::unreadable},
        {LeaderReason::scope_gone, LeaderState::gone},       {LeaderReason::stale_expired, LeaderState::vacant},
        {LeaderReason::address_unknown, LeaderState::vacant}};
    const std::map<LeaderReason, LeaderState> yes{
        {LeaderReason::lock_free, LeaderState::vacant},   {LeaderReason::released, LeaderState::vacant},
        {LeaderReason::other_owner, LeaderState::vacant}, {LeaderReason::holder_unconfirmed, LeaderState::vacant},
        {LeaderReason::demoted, LeaderState::vacant},     {LeaderReason::stopping, LeaderState::vacant},
        {LeaderReason::node_failed, LeaderState::vacant}, {LeaderReason::grace_over, LeaderState::vacant},
        {LeaderReason::overtaken, LeaderState::vacant},   {LeaderReason::standby_cluster, LeaderState::standby}};
    for (const auto& [reason, state] : no) {
        CAPTURE(static_cast<int>(reason));
        Stage stage;
        stage.lead("pg1", "10.0.0.1");
        stage.withdraw(reason, state);
        CHECK(stage.due().empty());
        stage.lead("pg1", "10.0.0.1");
        CHECK(stage.due().empty());
        // Once another member is known to lead, the old one is deposed.
        stage.withdraw(reason, state);
        stage.lead("pg2", "10.0.0.2");
        CHECK(stage.due() == std::vector{place("10.0.0.1")});
    }
    for (const auto& [reason, state] : yes) {
        CAPTURE(static_cast<int>(reason));
        Stage stage;
        stage.lead("pg1", "10.0.0.1");
        stage.withdraw(reason, state);
        CHECK(stage.due() == std::vector{place("10.0.0.1")});
    }
}

TEST_CASE("leader-cut: a requested switchover deposes the leader when it releases its lock, and not if it is refused") {
    Stage stage;
    stage.lead("pg1", "10.0.0.1");
    stage.withdraw(LeaderReason::announced);
    stage.lead("pg1", "10.0.0.1");
    CHECK(stage.due().empty());
    stage.withdraw(LeaderReason::announced);
    stage.withdraw(LeaderReason::released);
    CHECK(stage.due() == std::vector{place("10.0.0.1")});
}

TEST_CASE(
    "leader-cut: turns come after 50 ms, then at intervals up to a second; they end five seconds after the new leader, or after a minute") {
    Stage stage;
    stage.lead("pg1", "10.0.0.1");
    stage.withdraw(LeaderReason::demoted);
    auto times = stage.turns();
    REQUIRE(times.size() > 60);
    CHECK(std::vector<std::int64_t>(times.begin(), times.begin() + 4) == std::vector<std::int64_t>{0, 50, 125, 237});
    CHECK(times.back() <= 60'000);
    CHECK(times.back() - times[times.size() - 2] == 1000);
    CHECK(stage.now == seconds(160));

    stage.lead("pg2", "10.0.0.2");
    stage.withdraw(LeaderReason::demoted);
    stage.due();
    stage.now += seconds(2);
    stage.lead("pg1", "10.0.0.1");
    const Now led = stage.now;
    times = stage.turns();
    CHECK(times.size() >= 5);
    CHECK(stage.now == led + seconds(5));
}

TEST_CASE("leader-cut: if the same address leads again, cutting stops, and a request under way is revoked") {
    Stage stage;
    stage.lead("pg1", "10.0.0.1");
    stage.withdraw(LeaderReason::released);
    CHECK(stage.due().size() == 1);
    stage.lead("pg1", "10.0.0.1");
    CHECK(stage.revoked);
    stage.now += milliseconds(500);
    CHECK(stage.due().empty());
    REQUIRE(stage.cuts.take_finished(stage.now).size() == 1);
    // The next demotion begins anew.
    stage.withdraw(LeaderReason::released);
    CHECK(stage.due().size() == 1);
}

TEST_CASE("leader-cut: a revoked request of another service is sent again") {
    Stage stage;
    stage.lead("pg1", "10.0.0.1");
    stage.lead("a1", "10.0.0.9", 5432, "other");
    stage.withdraw(LeaderReason::released);
    stage.withdraw(LeaderReason::released, LeaderState::vacant, "other");
    CHECK(stage.due().size() == 2);
    stage.lead("pg1", "10.0.0.1");
    CHECK(stage.revoked);
    CHECK(stage.due().empty());
    stage.cuts.again(stage.now);
    CHECK(stage.due() == std::vector{place("10.0.0.9")});
}

TEST_CASE("leader-cut: the same member with another address or port is not deposed") {
    Stage stage;
    stage.lead("pg1", "10.0.0.1");
    stage.lead("pg1", "10.0.0.7");
    CHECK(stage.due().empty());
    stage.lead("pg1", "10.0.0.7", 6432);
    CHECK(stage.due().empty());
    CHECK_FALSE(stage.cuts.next());
    stage.lead("pg2", "10.0.0.7", 6432);  // another member behind the same address
    CHECK(stage.due().empty());
    const auto finished = stage.cuts.take_finished(stage.now);
    REQUIRE(finished.size() == 1);
    CHECK(finished[0].shared);
    stage.lead("pg3", "10.0.0.7", 7432);  // on the same machine, at another port
    CHECK(stage.due() == std::vector{place("10.0.0.7", 6432)});
}

TEST_CASE("leader-cut: never the address and port of a leader of another scope, also not while lictor has no contact") {
    Stage stage;
    stage.lead("a1", "10.0.0.1", 6432, "a");
    stage.lead("b1", "10.0.0.1", 6432, "b");
    stage.withdraw(LeaderReason::node_failed, LeaderState::vacant, "a");
    CHECK(stage.due().empty());
    CHECK(stage.cuts.take_finished(stage.now).at(0).shared);
    stage.lead("a1", "10.0.0.1", 6432, "a");
    stage.withdraw(LeaderReason::stale_expired, LeaderState::vacant, "b");
    stage.withdraw(LeaderReason::node_failed, LeaderState::vacant, "a");
    CHECK(stage.due().empty());
    stage.lead("a1", "10.0.0.1", 6432, "a");
    stage.withdraw(LeaderReason::node_failed, LeaderState::vacant, "b");
    CHECK(stage.due().empty());
    stage.withdraw(LeaderReason::node_failed, LeaderState::vacant, "a");
    CHECK(stage.due() == std::vector{place("10.0.0.1", 6432)});
}

TEST_CASE("leader-cut: all addresses of a host name, the node's address without one, nothing without a port") {
    Stage stage;
    auto row = std::make_shared<HostEntry>();
    row->state = FactState::known;
    row->v4 = {*Address::parse("10.0.0.1")};
    row->v6 = {*Address::parse("fd00::1")};
    auto hosts = std::make_shared<TableOf<HostEntry>>();
    (*hosts)["pg1.example"] = std::move(row);
    stage.catalog.hosts = std::move(hosts);
    stage.lead("pg1", "PG1.example");
    stage.entry("pg").node_address = HostText("10.9.9.9");
    stage.lead("pg2", "pg2.example");
    CHECK(stage.due() == std::vector{place("10.0.0.1"), place("fd00::1")});
    stage.lead("pg3", "10.0.0.3", 0);
    CHECK(stage.due() == std::vector{place("10.9.9.9")});
    stage.lead("pg4", "10.0.0.4");
    CHECK(stage.due().empty());
    stage.now += milliseconds(1);
    const auto finished = stage.cuts.take_finished(stage.now);
    CHECK(std::ranges::any_of(finished, [](const auto& one) { return one.member == "pg3" && one.places.empty(); }));
}

TEST_CASE("leader-cut: once the old leader is answered as a replica, its readers stay; at the demotion it is cut once in any case") {
    Stage stage;
    stage.lead("pg1", "10.0.0.1");
    auto set = std::make_shared<ReplicaSet>();
    Replica replica;
    replica.member = "pg1";
    replica.host = HostText("10.0.0.1");
    replica.port = 5432;
    replica.as_replica = true;
    set->replicas = {replica};
    stage.entry("pg").replica_set = set;
    stage.lead("pg2", "10.0.0.2");  // both came in one reply
    CHECK(stage.due() == std::vector{place("10.0.0.1")});
    stage.offer();
    CHECK_FALSE(stage.revoked);
    stage.now += milliseconds(500);
    CHECK(stage.due().empty());
    CHECK(stage.cuts.take_finished(stage.now).size() == 1);
}

TEST_CASE("leader-cut: a scope that is gone, or a service that now belongs to another scope, is forgotten") {
    Stage stage;
    stage.lead("pg1", "10.0.0.1");
    stage.entries.clear();
    stage.offer();
    stage.lead("pg2", "10.0.0.2");
    CHECK(stage.due().empty());
    stage.entry("pg").scope = "renamed";
    stage.entries["pg"].state = LeaderState::led;
    stage.entries["pg"].member = "other";
    stage.entries["pg"].host = HostText("10.0.0.5");
    stage.offer();
    CHECK(stage.due().empty());
}

TEST_CASE("leader-cut: a plain lock: another holder at another address, also on the same node; not while its address cannot be read") {
    Stage stage;
    auto& lock = stage.entry("jobs.leader");
    lock.lock = true;
    lock.lock_index = 7;
    stage.lead("node1", "10.0.0.1", 9000, "jobs.leader");
    stage.withdraw(LeaderReason::address_unknown, LeaderState::vacant, "jobs.leader");
    CHECK(stage.due().empty());
    stage.entry("jobs.leader").lock_index = 8;
    stage.lead("node1", "10.0.0.1", 9001, "jobs.leader");
    CHECK(stage.due() == std::vector{place("10.0.0.1", 9000)});
    stage.withdraw(LeaderReason::lock_free, LeaderState::vacant, "jobs.leader");
    CHECK(stage.due() == std::vector{place("10.0.0.1", 9001)});
}

TEST_CASE("leader-cut: one call gives a bounded number of places; the others follow in the next") {
    Stage stage;
    for (int i = 0; i < 50; ++i) stage.lead("m", ("10.1.0." + std::to_string(i)).c_str(), 5432, "s" + std::to_string(i));
    for (int i = 0; i < 50; ++i) stage.withdraw(LeaderReason::released, LeaderState::vacant, "s" + std::to_string(i));
    CHECK(stage.due().size() == LeaderCuts::places_max);
    CHECK(stage.due().size() == 50 - LeaderCuts::places_max);
    for (int i = 0; i < 40; ++i) {  // one service that fails over again and again
        stage.lead("n" + std::to_string(i), ("10.2.0." + std::to_string(i)).c_str(), 5432, "s0");
        stage.withdraw(LeaderReason::released, LeaderState::vacant, "s0");
    }
    std::size_t all = 0;
    for (auto places = stage.due(); !places.empty(); places = stage.due()) all += places.size();
    CHECK(all <= LeaderCuts::deposed_max);
}
