// What do events and fail-over records contain after a change of leader? A Stage calls Failovers as the publisher does: with the facts,
// with a View without the leader, when all workers use it, with a View with the new leader, and when all workers use it.
#include "resolver/failover/failovers.hpp"

#include <catch2/catch.hpp>

#include <nlohmann/json.hpp>

#include "resolver/documents/documents.hpp"
#include "resolver/failover/hook_queue.hpp"
#include "resolver/terminal/render.hpp"

using namespace lictor;
using namespace lictor::catalog;
using namespace lictor::documents;
using namespace lictor::failover;
using namespace lictor::terminal;
using namespace lictor::view;

namespace {

struct Stage {
    Failovers failovers;
    Catalog catalog;
    std::shared_ptr<const LeaderRuntime> runtime = std::make_shared<LeaderRuntime>();
    std::uint64_t generation = 0;
    Now now = seconds(100);
    std::vector<LeaderChange> changes;

    Moment moment() const { return {now, 1'700'000'000 + now / seconds(1)}; }
    void lead(const std::string& member, const std::string& where, LeaderReason reason = LeaderReason::confirmed,
              const LeaderTimes& times = {}) {
        auto entry = std::make_shared<LeaderEntry>();
        entry->scope = entry->service = "pg";
        entry->state = where.empty() ? LeaderState::vacant : LeaderState::led;
        entry->reason = reason;
        entry->member = member;
        entry->host = HostText(where);
        entry->port = 5432;
        entry->timeline = 7;
        entry->times = times;
        auto table = std::make_shared<TableOf<LeaderEntry>>();
        (*table)["pg"] = std::move(entry);
        catalog.leaders = std::move(table);
    }
    void facts() {
        depose(*runtime, catalog, [] { return Now(1); });
        failovers.on_facts(catalog);
    }
    void view() {
        View view;
        view.generation = ++generation;
        view.catalog = std::make_shared<Catalog>(catalog);
        view.runtime = runtime = next_runtime(runtime, catalog, moment().unix_seconds);
        changes = failovers.on_view(view, moment());
    }
    void everyone() { done = failovers.on_all_workers(generation, now); }
    std::vector<std::uint64_t> done;
    const FailoverRecord& last() const { return failovers.records().back(); }
    microseconds at(FailoverPhase phase) const { return last().at(phase).value() - last().began(); }

    void begin() {
        lead("pg1", "10.0.0.1");
        facts();
        view();
        everyone();
    }
    void move() {
        lead("pg1", "", LeaderReason::other_owner);
        facts();
        view();
        everyone();
        lead("pg2", "10.0.0.2");
        facts();
        view();
        everyone();
    }
};

using Phase = FailoverPhase;

}  // namespace

TEST_CASE("failovers: the first leader is an event without a record") {
    Stage stage;
    stage.begin();
    REQUIRE(stage.changes.size() == 1);
    CHECK(stage.changes[0].new_leader == LeaderAddress{"pg1", "10.0.0.1", 5432});
    CHECK(stage.changes[0].old_leader == LeaderAddress{});
    CHECK(stage.changes[0].reason == "first known");
    CHECK(stage.failovers.records().empty());
    stage.view();
    CHECK(stage.changes.empty());
}

TEST_CASE("failovers: if the tags decide, events name the tagged instance") {
    Stage stage;
    const auto tagged = [&](const std::string& member, const std::string& where, const std::string& node) {
        auto record = std::make_shared<NodeRecord>();
        record->name = record->name_lower = "n";
        record->address = HostText(node);
        Instance instance;
        instance.node = record;
        instance.id = "pg/" + member;
        instance.name = "pg";
        instance.address = HostText(where);
        instance.port = 5432;
        instance.tags = {"master"};
        auto entry = std::make_shared<ServiceEntry>();
        entry->state = FactState::known;
        if (!member.empty()) entry->instances.push_back(std::move(instance));
        auto table = std::make_shared<TableOf<ServiceEntry>>();
        (*table)["pg"] = std::move(entry);
        stage.catalog.services = std::move(table);
        auto leader = std::make_shared<LeaderEntry>();
        leader->scope = leader->service = "pg";
        leader->state = LeaderState::unreadable;
        auto leaders = std::make_shared<TableOf<LeaderEntry>>();
        (*leaders)["pg"] = std::move(leader);
        stage.catalog.leaders = std::move(leaders);
        stage.facts();
        stage.view();
        stage.everyone();
    };
    HookQueue hooks;
    const auto hooked = [&] {
        hooks.push(stage.changes.at(0));
        auto run = hooks.next();
        if (run) hooks.done();
        return run ? run->change.new_leader.address : "none";
    };
    tagged("pg1", "10.0.0.1", "10.0.9.1");
    REQUIRE(stage.changes.size() == 1);
    CHECK(stage.changes[0].leads);
    CHECK(stage.changes[0].new_leader == LeaderAddress{"pg1", "10.0.0.1", 5432});
    CHECK(hooked() == "10.0.0.1");
    tagged("", "", "");
    REQUIRE(stage.changes.size() == 1);
    CHECK_FALSE(stage.changes[0].leads);
    CHECK(hooked() == "none");
    tagged("pg2", "", "10.0.9.2");
    REQUIRE(stage.changes.size() == 1);
    CHECK(stage.changes[0].leads);
    CHECK(stage.changes[0].old_leader == LeaderAddress{"pg1", "10.0.0.1", 5432});
    CHECK(stage.changes[0].new_leader == LeaderAddress{"pg2", "10.0.9.2", 5432});
    CHECK(hooked() == "10.0.9.2");
    CHECK(stage.last().done);
}

TEST_CASE("failovers: events have the address of the leader's host name, whatever its case") {
    Stage stage;
    auto row = std::make_shared<HostEntry>();
    row->state = FactState::known;
    row->v4 = {*Address::parse("10.0.0.7")};
    auto hosts = std::make_shared<TableOf<HostEntry>>();
    (*hosts)["pg1.example"] = std::move(row);
    stage.catalog.hosts = std::move(hosts);
    stage.lead("pg1", "PG1.Example");
    stage.facts();
    stage.view();
    REQUIRE(stage.changes.size() == 1);
    CHECK(stage.changes[0].new_leader == LeaderAddress{"pg1", "10.0.0.7", 5432});
}

TEST_CASE("failovers: a change is one record with the time of each phase and the workers' counters") {
    Stage stage;
    stage.begin();
    const auto old_counters = stage.runtime->at("pg")->counters;
    old_counters->count_answer(stage.now);
    stage.now += milliseconds(100);
    LeaderTimes times;
    times.change = 1;
    times.lock_gone = stage.now;
    stage.lead("pg1", "", LeaderReason::lock_free, times);
    stage.facts();
    stage.now += milliseconds(1);
    old_counters->answered_late.store(3);
    stage.view();
    REQUIRE(stage.changes.size() == 1);
    CHECK_FALSE(stage.changes[0].leads);
    CHECK(stage.changes[0].reason == "lock is free");
    stage.now += milliseconds(1);
    stage.everyone();
    CHECK(stage.done.empty());
    stage.runtime->at("pg")->gap->held.fetch_add(5);
    stage.runtime->at("pg")->gap->released(milliseconds(40));
    stage.runtime->at("pg")->gap->released(milliseconds(30));
    stage.now += milliseconds(48);
    times.lock_taken = stage.now;
    stage.lead("pg2", "", LeaderReason::holder_unconfirmed, times);
    stage.facts();
    stage.view();
    CHECK(stage.changes.empty());
    stage.now += milliseconds(50);
    times.promoted_by_kv = stage.now;
    stage.lead("pg2", "10.0.0.2", LeaderReason::confirmed, times);
    stage.facts();
    stage.view();
    REQUIRE(stage.changes.size() == 1);
    CHECK(stage.changes[0].old_leader == LeaderAddress{"pg1", "10.0.0.1", 5432});
    CHECK(stage.changes[0].new_leader == LeaderAddress{"pg2", "10.0.0.2", 5432});
    CHECK(stage.changes[0].reason == "lock is free");
    CHECK(stage.changes[0].timeline == 7);
    CHECK_FALSE(stage.last().done);
    stage.now += milliseconds(2);
    stage.everyone();
    CHECK(stage.done == std::vector<std::uint64_t>{1});
    stage.runtime->at("pg")->counters->count_answer(stage.now + milliseconds(1));
    for (const auto& span : failover_spans())
        if (span.name == std::string_view("first_answer")) CHECK_FALSE(span.of(stage.last()));  // nobody waited
    stage.runtime->at("pg")->gap->answered(stage.now + milliseconds(1));
    stage.runtime->at("pg")->gap->answered(stage.now + milliseconds(2));

    const auto& record = stage.last();
    CHECK(record.done);
    CHECK_FALSE(record.same_leader());
    CHECK(stage.at(Phase::lock_gone) == milliseconds(0));
    CHECK(stage.at(Phase::withdrawn) == milliseconds(1));
    CHECK(stage.at(Phase::withdrawn_everywhere) == milliseconds(2));
    CHECK(stage.at(Phase::lock_taken) == milliseconds(50));
    CHECK(stage.at(Phase::promoted_by_kv) == milliseconds(100));
    CHECK(stage.at(Phase::published) == milliseconds(100));
    CHECK(stage.at(Phase::published_everywhere) == milliseconds(102));
    CHECK(stage.at(Phase::first_answer) == milliseconds(103));
    CHECK_FALSE(record.at(Phase::announced));
    CHECK(record.held() == 5);
    CHECK(record.longest_hold() == milliseconds(40));
    CHECK(record.answered_late() == 3);
    CHECK(stage.failovers.answered_late() == 3);
    for (const auto& span : failover_spans()) {
        const std::string name = span.name;
        const auto value = span.of(record);
        if (name == "lock_free") CHECK(value == milliseconds(50));
        if (name == "withdrawal") CHECK(value == milliseconds(2));
        if (name == "promotion") CHECK(value == milliseconds(50));
        if (name == "gap") CHECK(value == milliseconds(99));
        if (name == "publication") CHECK(value == milliseconds(2));
        if (name == "first_answer") CHECK(value == milliseconds(3));
        if (name == "longest_hold") CHECK(value == milliseconds(40));
    }
}

TEST_CASE("failovers: a record has the times of LeaderTimes, also those that come after the publication") {
    Stage stage;
    stage.begin();
    LeaderTimes times;
    times.change = 1;
    times.announced = stage.now - milliseconds(500);
    times.lock_gone = stage.now;
    stage.lead("pg1", "", LeaderReason::demoted, times);
    stage.facts();
    stage.view();
    times.lock_taken = times.promoted_by_probe = stage.now += milliseconds(10);
    stage.lead("pg2", "10.0.0.2", LeaderReason::confirmed, times);
    stage.facts();
    stage.view();
    stage.everyone();
    times.old_tag_gone = stage.now += seconds(2);
    stage.lead("pg2", "10.0.0.2", LeaderReason::confirmed, times);
    stage.facts();
    CHECK(stage.at(Phase::lock_gone) == milliseconds(500));
    CHECK(stage.at(Phase::promoted_by_probe) == milliseconds(510));
    CHECK(stage.at(Phase::old_tag_gone) == milliseconds(2510));
    CHECK(stage.last().reason == "demoted");
}

TEST_CASE("failovers: if only the address moves, the record has no times of the change before") {
    Stage stage;
    stage.begin();
    LeaderTimes times;
    times.change = 1;
    times.lock_gone = stage.now;
    stage.lead("pg2", "10.0.0.2", LeaderReason::confirmed, times);
    stage.facts();
    stage.view();
    stage.everyone();
    CHECK(stage.last().at(Phase::lock_gone));
    stage.now += seconds(60);
    stage.lead("pg2", "10.0.0.9", LeaderReason::confirmed, times);
    stage.facts();
    stage.view();
    stage.everyone();
    CHECK(stage.last().number == 2);
    CHECK_FALSE(stage.last().at(Phase::lock_gone));
    CHECK(stage.last().began() == stage.now);
}

TEST_CASE("failovers: the same leader after a gap has a record with same_leader") {
    Stage stage;
    stage.begin();
    stage.lead("pg1", "", LeaderReason::grace_over);
    stage.facts();
    stage.view();
    stage.lead("pg1", "10.0.0.1");
    stage.facts();
    stage.view();
    stage.everyone();
    CHECK(stage.last().same_leader());
}

TEST_CASE("failovers: a change before the end of another has its own record; the ring is bounded, the numbers go on") {
    Stage stage;
    stage.begin();
    stage.lead("pg1", "", LeaderReason::other_owner);
    stage.facts();
    stage.view();
    stage.lead("pg2", "10.0.0.2");
    stage.facts();
    stage.view();  // published, but not all workers use it yet
    stage.lead("pg2", "", LeaderReason::other_owner);
    stage.facts();
    stage.view();
    stage.everyone();
    CHECK(stage.done.empty());
    REQUIRE(stage.failovers.records().size() == 2);
    CHECK_FALSE(stage.failovers.records().front().done);
    stage.lead("pg3", "10.0.0.3");
    stage.facts();
    stage.view();
    stage.everyone();
    CHECK(stage.done == std::vector<std::uint64_t>{2});
    CHECK(stage.last().old_leader.member == "pg2");

    stage.runtime->at("pg")->counters->answered_late.store(1);
    for (int i = 0; i < 100; ++i) {
        stage.begin();
        stage.move();
    }
    CHECK(stage.failovers.records().size() == Failovers::records_max);
    CHECK(stage.failovers.total() == stage.last().number);
    CHECK(stage.failovers.answered_late() == 1);
    CHECK(stage.failovers.find(1) == nullptr);
    CHECK(stage.failovers.find(stage.last().number) == &stage.last());
}

TEST_CASE("failovers: records are shown as JSON, as text and as metrics") {
    Stage stage;
    stage.begin();
    const auto old_counters = stage.runtime->at("pg")->counters;
    LeaderTimes times;
    times.change = 1;
    times.lock_gone = stage.now;
    stage.lead("pg1", "", LeaderReason::other_owner, times);
    stage.facts();
    stage.now += milliseconds(4);
    stage.view();
    stage.everyone();
    stage.runtime->at("pg")->gap->held.fetch_add(2);
    stage.runtime->at("pg")->gap->released(milliseconds(8));
    stage.failovers.on_connections_cut("pg", 3);
    stage.now += milliseconds(8);
    stage.lead("pg2", "10.0.0.2", LeaderReason::confirmed, times);
    stage.facts();
    stage.view();
    stage.everyone();
    stage.failovers.on_connections_cut("pg", 1);
    stage.failovers.on_connections_cut("another", 1);
    Status status;
    status.now = stage.now + seconds(5);
    status.failovers = &stage.failovers;
    const auto json = failovers_json(status);
    const auto tree = nlohmann::json::parse(json);
    const auto& one = tree.at("failovers").at(0);
    CHECK(tree.at("total") == 1);
    CHECK(tree.at("answers_late_total") == 0);
    CHECK(one.at("old") == nlohmann::json{{"member", "pg1"}, {"address", "10.0.0.1"}, {"port", 5432}});
    CHECK(one.at("new").at("member") == "pg2");
    CHECK(one.at("reason") == "lock moved");
    CHECK(one.at("phases_ms").at("withdrawn_everywhere") == 4);
    CHECK(one.at("phases_ms").at("published") == 12);
    CHECK(one.at("phases_ms").at("announced").is_null());
    CHECK(one.at("questions_held") == 2);
    CHECK(one.at("longest_hold_ms") == 8);
    CHECK(one.at("age_seconds") == 5.012);
    CHECK(one.at("connections_cut") == 4);
    CHECK(nlohmann::json::parse(failover_json(stage.last(), stage.now)).at("number") == 1);

    const auto text = failovers_text(json);
    CHECK(text.starts_with("#1 pg: pg1 (10.0.0.1:5432) -> pg2 (10.0.0.2:5432), 5.0s ago (lock moved, timeline 7)\n"));
    CHECK(text.find("     0.0 ms  |#                                                 |  lock gone\n") != std::string::npos);
    CHECK(text.find("     4.0 ms  |                #                                 |  old address withdrawn\n") != std::string::npos);
    CHECK(text.find("    12.0 ms  |                                                 #|  new address published\n") != std::string::npos);
    CHECK(text.find("2 queries held, the longest for 8.0 ms, 0 not answered in time; 0 answers with the old address") != std::string::npos);
    CHECK(text.find("after the change; 4 connections to the old leader ended\n") != std::string::npos);
    CHECK(failovers_text(failovers_json(Status{})) == "no leader has changed since the start\n");
    for (const char* odd : {"", "<html>", "[1]"}) CHECK(failovers_text(odd).empty());
    for (const char* odd : {"{}", R"({"failovers":7})",
                            R"({"failovers":[1,null,{"phases_ms":{"withdrawn":-1e999},"old":[],"new":"\u001b[2J","age_seconds":"x"}]})"})
        CHECK_NOTHROW(failovers_text(odd));

    const auto metrics = metrics_text(status);
    CHECK(metrics.find("lictor_failovers_total 1\n") != std::string::npos);
    CHECK(metrics.find("lictor_leader_answers_late_total 0\n") != std::string::npos);
    CHECK(metrics.find("lictor_failover_last_seconds{service=\"pg\",phase=\"gap\"} 0.008\n") != std::string::npos);
    CHECK(metrics.find("lictor_failover_max_seconds{phase=\"withdrawal\"} 0.004\n") != std::string::npos);
    old_counters->answered_late.fetch_add(2);
    CHECK(metrics_text(status).find("lictor_leader_answers_late_total 2\n") != std::string::npos);
}
