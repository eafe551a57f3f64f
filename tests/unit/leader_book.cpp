// Serials rise with new leaders alone; what is deposed is held before any View says so; tallies count what workers did.
#include "resolver/core/leader_book.hpp"

#include <catch2/catch.hpp>

#include "resolver/core/zone_reply.hpp"
#include "tests/unit/zone_fixture.hpp"
#include "watch/replicas.hpp"

using namespace lictor;
using namespace lictor::test;

namespace {

using Book = std::shared_ptr<const LeaderBook>;

struct World : ZoneWorld {
    Book book = std::make_shared<LeaderBook>();

    void lead(const std::string& where, const std::string& member = "m") {
        leaders = std::make_shared<TableOf<LeaderEntry>>();
        auto& entry = leader("pg", where.empty() ? LeaderState::vacant : LeaderState::led, where);
        entry.member = member;
        auto replicas = std::make_shared<ReplicaSet>();
        replicas->leader_last_resort = true;
        entry.replicas = std::move(replicas);
        settle();
    }
    const LeaderPage& next(std::int64_t unix_seconds) {
        book = next_book(book, catalog, unix_seconds);
        return *book->at("pg");
    }
    /// Asks with the book.
    ZoneVerdict answer(const std::string& line) {
        settle();
        const Question asked = question(line);
        buffer.assign(65535, 0);
        return answer_zone(asked, *Name::parse("consul"), ZoneContext{catalog, random, at, udp_max, book.get()}, buffer);
    }
};

}  // namespace

TEST_CASE("serial: unix time, one more within the same second, never 2^31") {
    CHECK(next_serial(0, 1700000000) == 1700000000);
    CHECK(next_serial(1700000000, 1700000000) == 1700000001);
    CHECK(next_serial(1700000005, 1700000000) == 1700000006);
    CHECK(next_serial(0, -5) == 1);
    CHECK(next_serial(0, 4000000000) == 0x7fffffff);
    CHECK(next_serial(0x7fffffff, 4000000000) == 0x7fffffff);
}

TEST_CASE("book: a serial rises when another address becomes answerable, not when one is withdrawn") {
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
    // A Catalog that moves no leader makes no new book.
    const auto same = world.book;
    CHECK(next_book(world.book, world.catalog, 999) == same);
    // A scope that is gone takes its page with it.
    world.leaders = std::make_shared<TableOf<LeaderEntry>>();
    world.settle();
    CHECK(next_book(world.book, world.catalog, 999)->empty());
}

TEST_CASE("book: a host name counts with the addresses behind it") {
    World world;
    world.lead("pg1.example");
    CHECK_FALSE(world.next(100).answerable);
    world.host("pg1.example", FactState::known, {"10.0.0.1"});
    CHECK(world.next(110).serial == 110);
    world.host("pg1.example", FactState::known, {"10.0.0.9"});
    world.settle();
    CHECK(world.next(120).serial == 120);
}

TEST_CASE("book: a host name is found in whatever letters it was registered, and one of Consul's own is answerable by itself") {
    World world;
    world.lead("PG1.Example");
    CHECK_FALSE(world.next(100).answerable);
    world.host("pg1.example", FactState::known, {"10.0.0.1"});
    CHECK(world.next(110).answerable);
    CHECK(world.next(110).serial == 110);
    world.lead("PG1.node.CONSUL");
    world.host("pg1.node.consul", FactState::known, {});  // upstreams know nothing of it
    CHECK(world.next(120).answerable);
    CHECK(world.next(120).serial == 120);
    world.lead("pg1.nodeconsul");
    CHECK_FALSE(world.next(130).answerable);
}

TEST_CASE("book: while the keys cannot be read the tagged instances count") {
    World world;
    const auto a = world.node("n1", "10.0.0.1"), b = world.node("n2", "10.0.0.2");
    world.leader("pg", LeaderState::unreadable);
    world.instance("pg", a, 5432, {.id = "pg/a", .tags = {"master"}});
    world.instance("pg", b, 5432, {.id = "pg/b", .tags = {"replica"}});
    world.settle();
    CHECK(world.next(100).serial == 100);
    world.service("pg").instances[1].health = Health::critical;
    CHECK(world.next(110).serial == 100);
    world.service("pg").instances[0].tags = {"replica"};
    CHECK(world.next(120).serial == 100);
    world.service("pg").instances.pop_back();
    world.instance("pg", b, 5432, {.id = "pg/b", .tags = {"primary"}});
    CHECK(world.next(130).serial == 130);
}

TEST_CASE("book: who is deposed is held at once, though the View still names it; an answer to a question read after that is late") {
    World world;
    world.lead("10.0.0.1");
    const auto tally = world.next(100).tally;
    CHECK(std::holds_alternative<ZoneAnswer>(world.answer("master.pg.service.consul A")));
    CHECK(tally->first_told == world.at.now.count());
    CHECK(tally->told_late == 0);

    World offered;
    offered.lead("10.0.0.2");
    const auto learned = [] { return Now(5'000'000); };
    const auto learned_again = [] { return Now(9'000'000); };
    depose(*world.book, world.catalog, learned);
    CHECK_FALSE(tally->deposed);
    depose(*world.book, offered.catalog, learned);
    CHECK(tally->deposed);
    depose(*world.book, offered.catalog, learned_again);
    CHECK(tally->deposed_at == 5'000'000);
    for (const char* line : {"master.pg.service.consul A", "primary.pg.service.consul AAAA", "master.pg.service.consul SRV"})
        CHECK(std::holds_alternative<ZoneWait>(world.answer(line)));
    tally->told(Now(5'000'000));
    CHECK(tally->told_late == 0);
    tally->told(Now(5'000'001));
    CHECK(tally->told_late == 1);
    const auto held_in = world.book->at("pg")->gap_ahead;
    CHECK(&world.book->at("pg")->gap_on() == held_in.get());
    // The old one again: told anew, under the same serial.
    const auto& page = world.next(130);
    CHECK(page.tally != tally);
    CHECK(page.gap == held_in);  // what was held in between is released here
    CHECK(page.gap_ahead != held_in);
    CHECK(page.serial == 100);
    CHECK(std::holds_alternative<ZoneAnswer>(world.answer("master.pg.service.consul A")));
}

TEST_CASE("book: the news that comes while an answer is made holds the question; as the leader's, so the names that begin or end with it") {
    World world;
    world.lead("10.0.0.1");
    world.next(100);
    const auto tally = world.book->at("pg")->tally;
    for (const char* line : {"_postgresql._tcp.pg.service.consul SRV", "replica.pg.service.consul A"}) {
        tally->first_told = 0;
        CHECK(std::holds_alternative<ZoneAnswer>(world.answer(line)));
        CHECK(tally->first_told == world.at.now.count());
    }
    {
        const Question asked = world.question("master.pg.service.consul A");
        const Name domain = *Name::parse("consul");
        const ZoneContext context{world.catalog, world.random, world.at, 1232, world.book.get()};
        world.buffer.assign(65535, 0);
        ZoneReply reply(asked, domain, context, world.buffer);
        CHECK(reply.tell_leader("pg"));
        CHECK(reply.put_address(Writer::Section::answer, asked.name, 0, *Address::parse("10.0.0.1")));
        World offered;
        offered.lead("10.0.0.2");
        depose(*world.book, offered.catalog, [] { return Now(5'000'000); });
        const auto verdict = reply.finish(Outcome::answered);
        REQUIRE(std::holds_alternative<ZoneWait>(verdict));
        const auto& wait = std::get<ZoneWait>(verdict);
        CHECK(wait.need.kind == Need::Kind::leader);
        CHECK(wait.need.name == "pg");
        CHECK(wait.leader_gap);
    }
    for (const char* line : {"_postgresql._tcp.pg.service.consul SRV", "replica.pg.service.consul A"})
        CHECK(std::holds_alternative<ZoneWait>(world.answer(line)));
    CHECK(tally->told_late == 0);
}

TEST_CASE("book: a question that is held before the View of a gap counts in that gap") {
    World world;
    world.lead("10.0.0.1");
    const auto ahead = world.next(100).gap_ahead;
    ahead->held.fetch_add(1);  // deposed, and this worker has the old View
    world.lead("");
    const auto& page = world.next(101);
    CHECK(page.gap == ahead);
    CHECK(&page.gap_on() == ahead.get());
    world.lead("10.0.0.2");
    CHECK(world.next(102).gap == ahead);
}

TEST_CASE("zone: the SOA of a leader's service is its own; other names keep the domain's") {
    World world;
    world.lead("10.0.0.1");
    world.next(123456);
    const auto text = [&](const std::string& line) {
        const auto verdict = world.answer(line);
        const auto* answer = std::get_if<ZoneAnswer>(&verdict);
        return answer ? MessageText(std::span<const std::uint8_t>(world.buffer).first(answer->size)).text() : std::string("no answer");
    };
    const std::string tail = " 0 SOA ns.consul hostmaster.consul 123456 3600 600 86400 0\n";
    CHECK(text("pg.service.consul SOA") == "NOERROR aa ra\nanswer pg.service.consul" + tail);
    CHECK(text("master.PG.service.consul SOA") == "NOERROR aa ra\nanswer PG.service.consul" + tail);
    CHECK(text("x.y.pg.service.dc1.consul SOA") == "NOERROR aa ra\nanswer pg.service.dc1.consul" + tail);
    CHECK(text("master.pg.service.consul AAAA").find("authority consul 0 SOA") != std::string::npos);
    world.service("consul");  // the servers of the apex, none of them known
    for (const char* other : {"service.consul SOA", "consul SOA", "web.service.consul SOA", "pg.service.dc2.consul SOA", "pg.node.consul SOA"})
        CHECK(text(other).find("answer consul 0 SOA ns.consul hostmaster.consul 1700000000") != std::string::npos);
    world.settings->strict = true;
    CHECK(text("pg.service.consul SOA").find("answer consul 0 SOA") != std::string::npos);
}

TEST_CASE("book: serials from before a restart: the same leader has the same one, another one a higher") {
    World before;
    before.lead("10.0.0.1");
    before.next(5000);
    const auto marks = marks_of(*before.book);
    World same, other, nobody;
    same.lead("10.0.0.1");
    CHECK(next_book(same.book, same.catalog, 6000, marks)->at("pg")->serial == 5000);
    other.lead("10.0.0.2");
    CHECK(next_book(other.book, other.catalog, 6000, marks)->at("pg")->serial == 6000);
    CHECK(next_book(other.book, other.catalog, 4000, marks)->at("pg")->serial == 5001);
    nobody.lead("");
    nobody.book = next_book(nobody.book, nobody.catalog, 6000, marks);
    CHECK(nobody.book->at("pg")->serial == 5000);
    nobody.lead("10.0.0.1");
    CHECK(nobody.next(7000).serial == 5000);
    CHECK(marks_of(*std::make_shared<LeaderBook>()).empty());
}
