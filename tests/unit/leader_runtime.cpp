// When does a serial rise, are queries for a deposed leader held before the next View, and what do the counters count?
#include "resolver/view/leader_runtime.hpp"

#include <catch2/catch.hpp>

#include "resolver/zone/reply.hpp"
#include "tests/unit/zone_fixture.hpp"
#include "watch/leader/replicas.hpp"

using namespace lictor;
using namespace lictor::catalog;
using namespace lictor::view;
using namespace lictor::wire;
using namespace lictor::zone;
using namespace lictor::test;

namespace {

using Kind = answer::Answer::Kind;

using Runtime = std::shared_ptr<const LeaderRuntime>;

struct World : ZoneWorld {
    Runtime runtime = std::make_shared<LeaderRuntime>();

    void lead(const std::string& where, const std::string& member = "m") {
        leaders = std::make_shared<TableOf<LeaderEntry>>();
        auto& entry = leader("pg", where.empty() ? LeaderState::vacant : LeaderState::led, where);
        entry.member = member;
        auto replicas = std::make_shared<ReplicaSet>();
        replicas->leader_last_resort = true;
        entry.replica_set = std::move(replicas);
        settle();
    }
    const RuntimeEntry& next(std::int64_t unix_seconds) {
        runtime = next_runtime(runtime, catalog, unix_seconds);
        return *runtime->at("pg");
    }
    /// Answers a query with the runtime.
    std::optional<answer::Answer> answer(const std::string& line) {
        settle();
        const Question asked = question(line);
        buffer.assign(65535, 0);
        return answer_zone(asked, *Name::parse("consul"), ZoneContext{catalog, random, at, udp_max, runtime.get()}, buffer);
    }
};

}  // namespace

TEST_CASE("serial: it is the unix time or one more than the last serial, and always below 2^31") {
    CHECK(next_serial(0, 1700000000) == 1700000000);
    CHECK(next_serial(1700000000, 1700000000) == 1700000001);
    CHECK(next_serial(1700000005, 1700000000) == 1700000006);
    CHECK(next_serial(0, -5) == 1);
    CHECK(next_serial(0, 4000000000) == 0x7fffffff);
    CHECK(next_serial(0x7fffffff, 4000000000) == 0x7fffffff);
}

TEST_CASE("leader runtime: a serial rises when another address becomes answerable, not when one is withdrawn") {
    World world;
    world.lead("");
    CHECK(world.next(100).serial == 0);
    world.lead("10.0.0.1");
    CHECK(world.next(110).serial == 110);
    world.lead("");
    CHECK(world.next(120).serial == 110);
    CHECK_FALSE(world.next(120).answerable);
    world.lead("10.0.0.1");
    CHECK(world.next(130).serial == 110);
    world.lead("10.0.0.2");
    CHECK(world.next(140).serial == 140);
    world.lead("10.0.0.2", "another");
    CHECK(world.next(140).serial == 141);
    // A Catalog without a change of leader keeps the runtime object.
    const auto same = world.runtime;
    CHECK(next_runtime(world.runtime, world.catalog, 999) == same);
    // The entry is removed with its scope.
    world.leaders = std::make_shared<TableOf<LeaderEntry>>();
    world.settle();
    CHECK(next_runtime(world.runtime, world.catalog, 999)->empty());
}

TEST_CASE("leader runtime: a leader with a host name is identified by the name's addresses") {
    World world;
    world.lead("pg1.example");
    CHECK_FALSE(world.next(100).answerable);
    world.host("pg1.example", FactState::known, {"10.0.0.1"});
    CHECK(world.next(110).serial == 110);
    world.host("pg1.example", FactState::known, {"10.0.0.9"});
    world.settle();
    CHECK(world.next(120).serial == 120);
}

TEST_CASE("leader runtime: a host name is found in any case, and one in Consul's domain needs no address from upstreams") {
    World world;
    world.lead("PG1.Example");
    CHECK_FALSE(world.next(100).answerable);
    world.host("pg1.example", FactState::known, {"10.0.0.1"});
    CHECK(world.next(110).answerable);
    CHECK(world.next(110).serial == 110);
    world.lead("PG1.node.CONSUL");
    world.host("pg1.node.consul", FactState::known, {});  // upstreams have no address for it
    CHECK(world.next(120).answerable);
    CHECK(world.next(120).serial == 120);
    world.lead("pg1.nodeconsul");
    CHECK_FALSE(world.next(130).answerable);
}

TEST_CASE("leader runtime: if the keys cannot be read the tagged instances are the leader") {
    World world;
    const auto a = world.node("n1", "10.0.0.1"), b = world.node("n2", "10.0.0.2");
    world.leader("pg", LeaderState::unreadable);
    world.instance("pg", a, 5432, {.id = "pg/a", .tags = {"master"}});
    world.instance("pg", b, 5432, {.id = "pg/b", .tags = {"replica"}});
    world.settle();
    CHECK(world.next(100).serial == 100);
    world.change("pg", 1).health = Health::critical;
    CHECK(world.next(110).serial == 100);
    world.change("pg", 0).tags = {"replica"};
    CHECK(world.next(120).serial == 100);
    world.service("pg").instances = {world.change("pg", 0)};
    world.instance("pg", b, 5432, {.id = "pg/b", .tags = {"primary"}});
    CHECK(world.next(130).serial == 130);
}

TEST_CASE(
    "leader runtime: queries for a deposed leader are held at once, though the View still has it; an answer to a later query is late") {
    World world;
    world.lead("10.0.0.1");
    const auto counters = world.next(100).counters;
    CHECK(world.answer("master.pg.service.consul A")->answered());
    CHECK(counters->first_answered == world.at.now.count());
    CHECK(counters->answered_late == 0);

    World offered;
    offered.lead("10.0.0.2");
    const auto learned = [] { return Now(5'000'000); };
    const auto learned_again = [] { return Now(9'000'000); };
    depose(*world.runtime, world.catalog, learned);
    CHECK_FALSE(counters->deposed);
    depose(*world.runtime, offered.catalog, learned);
    CHECK(counters->deposed);
    depose(*world.runtime, offered.catalog, learned_again);
    CHECK(counters->deposed_at == 5'000'000);
    for (const char* line : {"master.pg.service.consul A", "primary.pg.service.consul AAAA", "master.pg.service.consul SRV"})
        CHECK(world.answer(line)->kind == Kind::waits);
    counters->count_answer(Now(5'000'000));
    CHECK(counters->answered_late == 0);
    counters->count_answer(Now(5'000'001));
    CHECK(counters->answered_late == 1);
    const auto held_in = world.runtime->at("pg")->gap_ahead;
    CHECK(&world.runtime->at("pg")->current_gap() == held_in.get());
    // The same leader again: it is answered, with the same serial.
    const auto& entry = world.next(130);
    CHECK(entry.counters != counters);
    CHECK(entry.gap == held_in);  // the queries held meanwhile are counted in this gap
    CHECK(entry.gap_ahead != held_in);
    CHECK(entry.serial == 100);
    CHECK(world.answer("master.pg.service.consul A")->answered());
}

TEST_CASE(
    "leader runtime: a query is held if its leader is deposed while the answer is written; so are SRV and replica names whose answers "
    "include the leader") {
    World world;
    world.lead("10.0.0.1");
    world.next(100);
    const auto counters = world.runtime->at("pg")->counters;
    for (const char* line : {"_postgresql._tcp.pg.service.consul SRV", "replica.pg.service.consul A"}) {
        counters->first_answered = 0;
        CHECK(world.answer(line)->answered());
        CHECK(counters->first_answered == world.at.now.count());
    }
    {
        const Question asked = world.question("master.pg.service.consul A");
        const Name domain = *Name::parse("consul");
        const ZoneContext context{world.catalog, world.random, world.at, 1232, world.runtime.get()};
        world.buffer.assign(65535, 0);
        ZoneReply reply(asked, domain, context, world.buffer);
        CHECK(reply.name_leader("pg"));
        CHECK(reply.put_address(Writer::Section::answer, asked.name, 0, *Address::parse("10.0.0.1")));
        World offered;
        offered.lead("10.0.0.2");
        depose(*world.runtime, offered.catalog, [] { return Now(5'000'000); });
        const auto verdict = reply.finish(Outcome::answered);
        REQUIRE(verdict->kind == Kind::waits);
        const auto& wait = *verdict;
        CHECK(wait.need.kind == Need::Kind::leader);
        CHECK(wait.need.name == "pg");
        CHECK(wait.leader_gap);
    }
    for (const char* line : {"_postgresql._tcp.pg.service.consul SRV", "replica.pg.service.consul A"})
        CHECK(world.answer(line)->kind == Kind::waits);
    CHECK(counters->answered_late == 0);
}

TEST_CASE("leader runtime: a query held before the View of a gap is counted in that gap") {
    World world;
    world.lead("10.0.0.1");
    const auto ahead = world.next(100).gap_ahead;
    ahead->held.fetch_add(1);  // the leader is deposed, and this worker still uses the old View
    world.lead("");
    const auto& entry = world.next(101);
    CHECK(entry.gap == ahead);
    CHECK(&entry.current_gap() == ahead.get());
    world.lead("10.0.0.2");
    CHECK(world.next(102).gap == ahead);
}

TEST_CASE("zone: a leader's service has its own SOA; other names have the domain's") {
    World world;
    world.lead("10.0.0.1");
    world.next(123456);
    const auto text = [&](const std::string& line) {
        const auto verdict = world.answer(line);
        return verdict->answered() ? MessageText(std::span<const std::uint8_t>(world.buffer).first(verdict->size)).text()
                                   : std::string("no answer");
    };
    const std::string tail = " 0 SOA ns.consul hostmaster.consul 123456 3600 600 86400 0\n";
    CHECK(text("pg.service.consul SOA") == "NOERROR aa ra\nanswer pg.service.consul" + tail);
    CHECK(text("master.PG.service.consul SOA") == "NOERROR aa ra\nanswer PG.service.consul" + tail);
    CHECK(text("x.y.pg.service.dc1.consul SOA") == "NOERROR aa ra\nanswer pg.service.dc1.consul" + tail);
    CHECK(text("master.pg.service.consul AAAA").find("authority consul 0 SOA") != std::string::npos);
    world.service("consul");  // the name servers of the apex: no instance
    for (const char* other :
         {"service.consul SOA", "consul SOA", "web.service.consul SOA", "pg.service.dc2.consul SOA", "pg.node.consul SOA"})
        CHECK(text(other).find("answer consul 0 SOA ns.consul hostmaster.consul 1700000000") != std::string::npos);
    world.set_strict(true);
    CHECK(text("pg.service.consul SOA").find("answer consul 0 SOA") != std::string::npos);
}

TEST_CASE("leader runtime: after a restart the same leader has the same serial, another one a higher") {
    World before;
    before.lead("10.0.0.1");
    before.next(5000);
    const auto marks = marks_of(*before.runtime);
    World same, other, leaderless;
    same.lead("10.0.0.1");
    CHECK(next_runtime(same.runtime, same.catalog, 6000, marks)->at("pg")->serial == 5000);
    other.lead("10.0.0.2");
    CHECK(next_runtime(other.runtime, other.catalog, 6000, marks)->at("pg")->serial == 6000);
    CHECK(next_runtime(other.runtime, other.catalog, 4000, marks)->at("pg")->serial == 5001);
    leaderless.lead("");
    leaderless.runtime = next_runtime(leaderless.runtime, leaderless.catalog, 6000, marks);
    CHECK(leaderless.runtime->at("pg")->serial == 5000);
    leaderless.lead("10.0.0.1");
    CHECK(leaderless.next(7000).serial == 5000);
    CHECK(marks_of(*std::make_shared<LeaderRuntime>()).empty());
}

TEST_CASE("leader runtime: the last query for a leader, its replicas or its SOA is reported, also after a change") {
    for (const char* query : {"master.pg.service.consul A", "replica.pg.service.consul A", "pg.service.consul SOA"}) {
        World world;
        world.lead("10.0.0.1");
        world.next(1000);
        std::vector<polling::WatchReport> rows(2);
        rows[0] = {.kind = "leader", .name = "pg", .datacenter = {}, .state = {}, .why = {}};
        rows[1] = {.kind = "service", .name = "pg", .datacenter = {}, .state = {}, .why = {}};
        report_usage(*world.runtime, seconds(4000), rows);
        CHECK(rows[0].asked_seconds < 0);
        world.at.now = seconds(3990);
        world.answer(query);
        world.lead("10.0.0.2");
        world.next(1001);
        report_usage(*world.runtime, seconds(4000), rows);
        CHECK(rows[0].asked_seconds == 10);
        CHECK(rows[1].asked_seconds < 0);
    }
}
