// How often Consul is asked while it refuses, and how many waits are left at the agent soon after a start.
#include <catch2/catch.hpp>

#include "watch/contact.hpp"
#include "watch/waits.hpp"

using namespace lictor;
using namespace std::chrono_literals;

namespace {

/// Requests that go out within `span`, with that outcome each, if somebody wants to send all the time.
unsigned sends(Contact& contact, Now& now, Now span, ContactOutcome outcome) {
    unsigned sent = 0;
    for (const Now end = now + span; now < end; now += 10ms) {
        if (contact.earliest(now, false) > now) continue;
        ++sent;
        contact.on_exchange(outcome, 1, now);
    }
    return sent;
}

}  // namespace

TEST_CASE("contact: after a 429 one request a second goes out, and leader keys are not made to wait", "[contact]") {
    Contact contact(false);
    Now now = 1000s;
    contact.on_exchange(ContactOutcome::limited, 1, now);
    CHECK(contact.earliest(now, true) == now);
    const auto sent = sends(contact, now, 5s, ContactOutcome::limited);
    CHECK((sent >= 5 && sent <= 6));
}

TEST_CASE("contact: each good reply after a 429 halves the distance; another 429 begins anew", "[contact]") {
    Contact contact(false);
    Now now = 1000s;
    contact.on_exchange(ContactOutcome::limited, 1, now);
    CHECK(sends(contact, now, 2500ms, ContactOutcome::good) > 50);
    contact.on_exchange(ContactOutcome::limited, 1, now);
    CHECK(sends(contact, now, 1500ms, ContactOutcome::limited) <= 2);
    // Refusals of another kind say nothing about the limit.
    Contact other(false);
    other.on_exchange(ContactOutcome::limited, 1, now);
    CHECK(sends(other, now, 5s, ContactOutcome::refused) <= 6);
}

TEST_CASE("contact: what an older life left at the agent is over after a minute; until then few waits begin", "[contact]") {
    Waits waits(1000s);
    for (std::size_t i = 0; i < Waits::few; ++i) {
        REQUIRE(waits.may_begin(1001s));
        waits.begun();
    }
    CHECK_FALSE(waits.may_begin(1001s));
    waits.ended();
    CHECK(waits.may_begin(1001s));
    waits.begun();
    CHECK_FALSE(waits.may_begin(1000s + Waits::lingering - 1ms));
    CHECK(waits.may_begin(1000s + Waits::lingering));
}
