// Which counters change for a query that is held for a leader?
#include <catch2/catch.hpp>

#include "tests/unit/resolver_world.hpp"
#include "tests/unit/zone_fixture.hpp"

namespace lictor::test {

using namespace lictor::answer;
using namespace lictor::catalog;
using namespace lictor::core;
using namespace lictor::view;
namespace {

const std::vector<std::uint8_t> query = Wording{.name = "master.pg.service.consul"}.bytes();

/// A Catalog: empty, or with a service whose leader is in `state`.
Catalog facts(std::optional<LeaderState> state) {
    ZoneWorld world;
    if (state) {
        world.service("pg");
        LeaderEntry& leader = world.leader("pg", *state, "10.0.0.1");
        leader.version = *state == LeaderState::led ? 2 : 1;
    }
    world.settle();
    return world.catalog;
}

/// A Catalog whose leader has a host name with this address.
Catalog facts_by_name(const std::string& address) {
    ZoneWorld world;
    world.service("pg");
    world.leader("pg", LeaderState::led, "pg1.example").version = 2;
    world.host("pg1.example", FactState::known, {address});
    world.settle();
    return world.catalog;
}

}  // namespace

TEST_CASE("held: a query held for a deposed address is answered with the next View, even if only a host name's address moved") {
    ResolverWorld w;
    const Catalog before = facts_by_name("10.0.0.1"), after = facts_by_name("10.0.0.2");
    w.show(before);
    REQUIRE(w.ask(query).kind == answer::Answer::Kind::answered);
    depose(*w.view->runtime, after, [] { return Now(seconds(1000)); });
    REQUIRE(w.ask(query).kind == answer::Answer::Kind::later);
    w.show(after);
    CHECK(w.counters.waiting.get() == 0);
    CHECK(w.count<Reply>() == 1);
}

TEST_CASE("held: a query is counted once when it waits for a leader, even if it waited for its service before") {
    const bool service_first = GENERATE(true, false);
    ResolverWorld w;
    w.show(facts(service_first ? std::nullopt : std::optional(LeaderState::vacant)));
    REQUIRE(w.ask(query).kind == answer::Answer::Kind::later);
    CHECK(w.counters.held.get() == (service_first ? 0 : 1));
    w.wait(milliseconds(100));
    w.show(facts(LeaderState::vacant));
    REQUIRE(w.counters.waiting.get() == 1);
    CHECK(w.counters.held.get() == 1);
    const auto gap = w.view->runtime->at("pg")->gap;
    CHECK(gap->held.load() == 1);
    SECTION("until there is a leader") {
        w.show(facts(LeaderState::led));
        CHECK(w.count<Reply>() == 1);
        CHECK(w.counters.held_released.get() == 1);
        CHECK(w.counters.held_expired.get() == 0);
        CHECK(w.counters.leader_hold.get().count() == 1);
        CHECK(w.counters.leader_hold.get().sum_us == 100'000);
        CHECK(w.counters.response_leader.get().sum_us == 100'000);
        CHECK(gap->first_answer == w.at.now.count());
    }
    SECTION("until its deadline") {
        w.wait(seconds(4));
        CHECK(w.count<Reply>() == 1);
        CHECK(w.counters.held_expired.get() == 1);
        CHECK(gap->expired.load() == 1);
        CHECK(w.counters.leader_hold.get().count() == 1);
        CHECK(w.counters.response_error.get().count() == 1);
        CHECK(gap->first_answer == 0);
    }
    SECTION("again without a leader") {
        auto again = facts(LeaderState::vacant);
        auto leaders = std::make_shared<TableOf<LeaderEntry>>(*again.leaders);
        auto entry = std::make_shared<LeaderEntry>(*leaders->at("pg"));
        entry->version = 3;
        (*leaders)["pg"] = entry;
        again.leaders = leaders;
        w.show(again);
        CHECK(w.counters.waiting.get() == 1);
    }
    CHECK(w.counters.held.get() == 1);
    CHECK(gap->held.load() == 1);
}

TEST_CASE("held: a query with a DNS cookie gets one as if it had been answered at once, and none on this machine") {
    const bool far = GENERATE(true, false);
    const int end = GENERATE(0, 1, 2);  // the leader comes, the deadline passes, lictor stops
    std::vector<std::uint8_t> message = Wording{.name = "master.pg.service.consul", .edns_version = 0}.bytes();
    message.back() = 12;
    const std::vector<std::uint8_t> client_cookie = {1, 2, 3, 4, 5, 6, 7, 8};
    message.insert(message.end(), {0, 10, 0, 8});
    message.insert(message.end(), client_cookie.begin(), client_cookie.end());
    ResolverWorld w;
    w.show(facts(LeaderState::vacant));
    REQUIRE(w.ask(message, far ? Address::v4(203, 0, 113, 5) : Address::v4(127, 0, 0, 1)).kind == answer::Answer::Kind::later);
    w.wait(milliseconds(100));
    if (end == 0) w.show(facts(LeaderState::led));
    if (end == 1) w.wait(seconds(4));
    if (end == 2) w.resolver.on_stop(w.at, w.actions);
    REQUIRE(w.count<Reply>() == 1);
    for (const auto& action : w.actions) {
        const auto* later = std::get_if<Reply>(&action);
        if (!later) continue;
        wire::Question seen;  // the question and OPT of a reply are read like those of a query
        auto bytes = later->bytes;
        bytes[2] &= 0x7f;
        // Only the question and OPT are left.
        const std::size_t head = wire::header_size + wire::Name::parse("master.pg.service.consul")->size() + 4;
        const std::vector<std::uint8_t> mark = {0, 0, 41};  // the root and the type of OPT
        const auto opt = std::search(bytes.begin() + static_cast<std::ptrdiff_t>(head), bytes.end(), mark.begin(), mark.end());
        REQUIRE(opt != bytes.end());
        bytes.erase(bytes.begin() + static_cast<std::ptrdiff_t>(head), opt);
        bytes[7] = bytes[9] = 0;
        bytes[11] = 1;
        REQUIRE(wire::read_question(bytes, seen) == wire::QuestionFault::none);
        CHECK(seen.edns.present);
        CHECK(seen.edns.cookie_size == (far ? 24 : 0));
        if (far) CHECK(std::equal(client_cookie.begin(), client_cookie.end(), seen.edns.cookie.begin()));
    }
    CHECK(w.counters.cookies_other.get() == (far ? 1 : 0));
}

}  // namespace lictor::test
