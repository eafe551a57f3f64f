// Which events does a client get that connects again?
#include "resolver/failover/event_ring.hpp"

#include <catch2/catch.hpp>

using namespace lictor;
using namespace lictor::failover;

namespace {

std::string event(int number, const std::string& type, const std::string& data) {
    return "id: 77-" + std::to_string(number) + "\nevent: " + type + "\ndata: " + data + "\n\n";
}

}  // namespace

TEST_CASE("events: each has an id, a type and one line of data") {
    EventRing ring(77);
    CHECK(ring.now("leaders", "{}") == event(0, "leaders", "{}"));
    CHECK(ring.add("leader", "{\"a\":1}\n") == event(1, "leader", "{\"a\":1}"));
    CHECK(ring.now("leaders", "[]\n") == event(1, "leaders", "[]"));
}

TEST_CASE("events: after an id all later events are sent; after the newest id none") {
    EventRing ring(77);
    for (const char* data : {"1", "2", "3"}) ring.add("leader", data);
    CHECK(ring.since("77-1") == event(2, "leader", "2") + event(3, "leader", "3"));
    CHECK(ring.since("77-3").empty());
    CHECK(ring.since("77-0") == event(1, "leader", "1") + event(2, "leader", "2") + event(3, "leader", "3"));
}

TEST_CASE("events: after an id of another process, a future id or a malformed one `restarted` and all events are sent") {
    EventRing ring(77);
    ring.add("leader", "1");
    for (const char* id : {"76-1", "77-2", "77", "-", "77-", "77-x", "77--1", "\n", "77-99999999999999999999"}) {
        INFO(id);
        CHECK(ring.since(id) == event(0, "restarted", "{}") + event(1, "leader", "1"));
    }
}

TEST_CASE("events: the number of lost events is sent") {
    EventRing ring(77);
    for (std::size_t i = 1; i <= EventRing::events_max + 10; ++i) ring.add("leader", std::to_string(i));
    const auto text = ring.since("77-4");
    CHECK(text.starts_with(event(10, "lost", "{\"events\":6}") + event(11, "leader", "11")));
    CHECK(text.ends_with(event(static_cast<int>(EventRing::events_max) + 10, "leader", std::to_string(EventRing::events_max + 10))));
    CHECK(ring.since("77-10").starts_with(event(11, "leader", "11")));
}
