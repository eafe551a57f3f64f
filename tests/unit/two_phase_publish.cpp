// Is an old leader withdrawn from all workers before the new one is published, also if the tags name the leader?
#include "resolver/view/two_phase_publish.hpp"

#include <catch2/catch.hpp>

#include "tests/unit/zone_fixture.hpp"

using namespace lictor;
using namespace lictor::catalog;
using namespace lictor::view;
using namespace lictor::test;

namespace {

using Shown = std::shared_ptr<const Catalog>;

Shown catalog_of(LeaderState state, const std::string& host) {
    ZoneWorld world;
    world.leader("pg", state, host);
    world.settle();
    return std::make_shared<Catalog>(world.catalog);
}

/// Details of a leader with the same host.
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

/// The keys are denied: the instance with the tag `master` is the leader.
Shown by_tags(const std::string& address) {
    ZoneWorld world;
    world.leader("pg", LeaderState::unreadable);
    if (!address.empty()) world.instance("pg", world.node("n" + address, address), 5432, {.tags = {"master"}});
    world.settle();
    return std::make_shared<Catalog>(world.catalog);
}

/// Checks that a Catalog without a leader comes first, and `to` only when all workers use it.
void comes_in_two_steps(const Shown& from, const Shown& to) {
    const PublishStep first = next_step(to, from, {from});
    REQUIRE(first.show);
    CHECK_FALSE(first.done);
    CHECK(first.show->leaders->at("pg")->state == LeaderState::vacant);
    const PublishStep waits = next_step(to, first.show, {from, first.show});
    CHECK_FALSE(waits.show);
    const PublishStep last = next_step(to, first.show, {first.show});
    CHECK(last.show == to);
    CHECK(last.done);
}

}  // namespace

TEST_CASE("two-phase publish: another leader is published in two steps, by keys or by tags") {
    const auto first = catalog_of(LeaderState::led, "10.0.0.1"), second = catalog_of(LeaderState::led, "10.0.0.2");
    comes_in_two_steps(first, second);
    comes_in_two_steps(first, by_tags("10.0.0.2"));
    comes_in_two_steps(by_tags("10.0.0.1"), second);
    comes_in_two_steps(by_tags("10.0.0.1"), by_tags("10.0.0.2"));
}

TEST_CASE("two-phase publish: another port or member is another leader; a node's address counts if the host is a name") {
    comes_in_two_steps(led_at("10.0.0.1"), led_at("10.0.0.1", {.port = 6432}));
    comes_in_two_steps(led_at("10.0.0.1"), led_at("10.0.0.1", {.member = "pg2"}));
    comes_in_two_steps(led_at("db1"), led_at("db1", {.node_address = "10.0.0.2"}));
    const auto learned = led_at("10.0.0.1", {.node_address = "10.0.0.2"});
    CHECK(next_step(learned, led_at("10.0.0.1"), {led_at("10.0.0.1")}).done);
}

TEST_CASE("two-phase publish: one step is enough if the leader is the same, or before or after there is none") {
    const auto led = catalog_of(LeaderState::led, "10.0.0.1"), none = catalog_of(LeaderState::vacant, "");
    for (const auto& [from, to] : {std::pair{led, led},
                                   {led, none},
                                   {none, led},
                                   {by_tags("10.0.0.1"), by_tags("10.0.0.1")},
                                   {by_tags(""), by_tags("10.0.0.1")},
                                   {by_tags("10.0.0.1"), by_tags("")}}) {
        const PublishStep turn = next_step(to, from, {from});
        CHECK(turn.done);
        CHECK(turn.show == to);
    }
}
