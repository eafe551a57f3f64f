// Withdraw, then publish: no worker says an old address after another said the new one, also where the tags in the catalog name the leader.
#include "resolver/core/succession.hpp"

#include <catch2/catch.hpp>

#include "tests/unit/zone_fixture.hpp"

using namespace lictor;
using namespace lictor::test;

namespace {

using Shown = std::shared_ptr<const Catalog>;

Shown catalog_of(LeaderState state, const std::string& host) {
    ZoneWorld world;
    world.leader("pg", state, host);
    world.settle();
    return std::make_shared<Catalog>(world.catalog);
}

/// The same place in other words.
struct Place {
    std::uint16_t port = 5432;
    std::string member = "pg1", node_address = "10.0.0.1";
};
Shown led_at(const std::string& host, const Place& place = {}) {
    ZoneWorld world;
    world.leader("pg", LeaderState::led, host, place.port, place.node_address).member = place.member;
    world.settle();
    return std::make_shared<Catalog>(world.catalog);
}

/// Keys denied: the tag `master` names who leads.
Shown by_tags(const std::string& address) {
    ZoneWorld world;
    world.leader("pg", LeaderState::unreadable);
    if (!address.empty()) world.instance("pg", world.node("n" + address, address), 5432, {.tags = {"master"}});
    world.settle();
    return std::make_shared<Catalog>(world.catalog);
}

/// What is shown first, and whether it names a leader.
void comes_in_two_steps(const Shown& from, const Shown& to) {
    const Turn first = next_turn(to, from, {from});
    REQUIRE(first.show);
    CHECK_FALSE(first.done);
    CHECK(first.show->leaders->at("pg")->state == LeaderState::vacant);
    const Turn waits = next_turn(to, first.show, {from, first.show});
    CHECK_FALSE(waits.show);
    const Turn last = next_turn(to, first.show, {first.show});
    CHECK(last.show == to);
    CHECK(last.done);
}

}  // namespace

TEST_CASE("succession: another leader comes in two steps, whoever names it") {
    const auto first = catalog_of(LeaderState::led, "10.0.0.1"), second = catalog_of(LeaderState::led, "10.0.0.2");
    comes_in_two_steps(first, second);
    comes_in_two_steps(first, by_tags("10.0.0.2"));
    comes_in_two_steps(by_tags("10.0.0.1"), second);
    comes_in_two_steps(by_tags("10.0.0.1"), by_tags("10.0.0.2"));
}

TEST_CASE("succession: another port or member is another leader; a node's address counts where the host is a name") {
    comes_in_two_steps(led_at("10.0.0.1"), led_at("10.0.0.1", {.port = 6432}));
    comes_in_two_steps(led_at("10.0.0.1"), led_at("10.0.0.1", {.member = "pg2"}));
    comes_in_two_steps(led_at("db1"), led_at("db1", {.node_address = "10.0.0.2"}));
    const auto learned = led_at("10.0.0.1", {.node_address = "10.0.0.2"});
    CHECK(next_turn(learned, led_at("10.0.0.1"), {led_at("10.0.0.1")}).done);
}

TEST_CASE("succession: the same leader, none, or the first one needs no step between") {
    const auto led = catalog_of(LeaderState::led, "10.0.0.1"), none = catalog_of(LeaderState::vacant, "");
    for (const auto& [from, to] : {std::pair{led, led}, {led, none}, {none, led}, {by_tags("10.0.0.1"), by_tags("10.0.0.1")},
                                   {by_tags(""), by_tags("10.0.0.1")}, {by_tags("10.0.0.1"), by_tags("")}}) {
        const Turn turn = next_turn(to, from, {from});
        CHECK(turn.done);
        CHECK(turn.show == to);
    }
}
