// Does the table of held queries keep its bounds, join retransmissions, and release the queries of one client together?
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "resolver/core/waiting.hpp"

using namespace lictor;
using namespace lictor::catalog;
using namespace lictor::core;
using namespace lictor::wire;
using Put = Waiting::Put;

namespace {

const Need leader{Need::Kind::leader, "pg", {}}, other_leader{Need::Kind::leader, "orders", {}}, service{Need::Kind::service, "web", {}};

WaitingQuery query(std::uint16_t port, std::uint16_t id, std::uint16_t type = 1, Now deadline = seconds(4), const Need& need = leader) {
    WaitingQuery made;
    made.message.resize(40);
    made.client.peer = {Address::v4(127, 0, 0, 1), port};
    made.lower = *Name::parse("master." + need.name + ".service.consul");
    made.id = id;
    made.type = type;
    made.need = need;
    made.leader_gap = need.kind == Need::Kind::leader;
    made.deadline = deadline;
    return made;
}

WaitingQuery over_tcp(std::uint64_t connection, std::uint16_t id) {
    auto made = query(4000, id);
    made.client.connection = connection;
    return made;
}

}  // namespace

TEST_CASE("a retransmission from the same port joins; a query from another port is held by itself", "[waiting]") {
    Waiting waiting;
    CHECK(waiting.put(query(4000, 7), 1, 100) == Put::held);
    CHECK(waiting.put(query(4000, 7), 1, 100) == Put::joined);
    CHECK(waiting.put(query(4001, 7), 1, 100) == Put::held);
    CHECK(waiting.put(query(4000, 8), 1, 100) == Put::held);
    CHECK(waiting.put(query(4000, 7, 28), 1, 100) == Put::held);
    auto other_socket = query(4000, 7);
    other_socket.client.listen_socket = 1;
    CHECK(waiting.put(std::move(other_socket), 1, 100) == Put::held);
    CHECK(waiting.size() == 5);
    // Over TCP each query gets its own reply.
    CHECK(waiting.put(over_tcp(9, 7), 1, 100) == Put::held);
    CHECK(waiting.put(over_tcp(9, 7), 1, 100) == Put::held);
}

TEST_CASE("a retransmission is found among any number of other clients", "[waiting]") {
    Waiting waiting;
    CHECK(waiting.put(query(4000, 7), 1, 10'000) == Put::held);
    for (std::uint16_t port = 5000; port < 9000; ++port) CHECK(waiting.put(query(port, 1), 1, 10'000) == Put::held);
    CHECK(waiting.put(query(4000, 7), 1, 10'000) == Put::joined);
    CHECK(waiting.put(query(4000, 8, 28, seconds(9)), 1, 10'000) == Put::held);
    const auto due = waiting.take_due(seconds(4));
    CHECK(due.size() == 4002);  // the AAAA ends with its A
    CHECK(waiting.size() == 0);
    CHECK_FALSE(waiting.deadline());
    CHECK(waiting.put(query(4000, 7), 1, 10'000) == Put::held);
}

TEST_CASE("A, AAAA and SRV of one client end together", "[waiting]") {
    Waiting waiting;
    waiting.put(query(4000, 1, 1, seconds(4)), 1, 100);
    waiting.put(query(4000, 2, 28, seconds(5)), 1, 100);
    waiting.put(query(4000, 3, 33, seconds(6)), 1, 100);
    waiting.put(query(4001, 4, 28, seconds(5)), 1, 100);
    CHECK(waiting.take_due(seconds(3)).empty());
    CHECK(waiting.take_due(seconds(4)).size() == 3);
    CHECK(waiting.deadline() == Now(seconds(5)));
}

TEST_CASE("the number of queries is bounded, for leaders and others apart, and so are their bytes", "[waiting]") {
    Waiting waiting;
    for (std::uint16_t port = 1; port <= 10; ++port) CHECK(waiting.put(query(port, 1), 1, 10) == Put::held);
    CHECK(waiting.put(query(11, 1), 1, 10) == Put::full);
    CHECK(waiting.put(query(11, 1, 1, seconds(4), other_leader), 1, 10) == Put::full);
    CHECK(waiting.put(query(3, 1), 1, 10) == Put::joined);  // a joined query is not counted
    CHECK(waiting.put(query(11, 1, 1, seconds(4), service), 1, 10) == Put::held);
    CHECK(waiting.take_due(seconds(4)).size() == 11);
    CHECK(waiting.put(query(12, 1), 1, 10) == Put::held);

    Waiting small(10'000);
    std::size_t held = 0;
    for (std::uint16_t port = 1; port <= 1000; ++port) held += small.put(query(port, 1), 1, 1000) == Put::held;
    CHECK(held > 10);
    CHECK(held < 40);
    auto big = query(2000, 1);
    big.message.resize(60'000);
    small.take_all();
    CHECK(small.put(std::move(big), 1, 1000) == Put::full);
    std::size_t again = 0;
    for (std::uint16_t port = 1; port <= 1000; ++port) again += small.put(query(port, 1), 1, 1000) == Put::held;
    CHECK(again == held);  // released queries free their bytes
}

TEST_CASE("a changed fact releases all queries that wait for it, and no others", "[waiting]") {
    Waiting waiting;
    for (std::uint16_t port = 1; port <= 5; ++port) waiting.put(query(port, 1), 1, 100);
    waiting.put(query(6, 1, 1, seconds(4), other_leader), 1, 100);
    CHECK(waiting.take_moved([](const Need&) { return 1u; }).empty());
    const auto moved = waiting.take_moved([](const Need& need) { return need.name == "pg" ? 2u : 1u; });
    CHECK(moved.size() == 5);
    CHECK(waiting.size() == 1);
    waiting.put(over_tcp(9, 1), 1, 100);
    waiting.put(over_tcp(9, 2), 1, 100);
    waiting.drop_connection(9);
    CHECK(waiting.size() == 1);
    CHECK(waiting.take_all().size() == 1);
}

TEST_CASE("a leader need is reported at first and then once a second, a service need once", "[waiting]") {
    Waiting waiting;
    CHECK(waiting.announce(leader, seconds(10)));
    auto first = query(1, 1, 1, seconds(14));
    first.arrived = seconds(10);
    waiting.put(std::move(first), 1, 100);
    CHECK_FALSE(waiting.announce(leader, seconds(10)));
    CHECK_FALSE(waiting.announce(leader, seconds(10) + milliseconds(999)));
    CHECK(waiting.announce(leader, seconds(11)));
    CHECK_FALSE(waiting.announce(leader, seconds(11)));
    CHECK(waiting.announce(other_leader, seconds(11)));
    waiting.take_all();
    CHECK(waiting.announce(leader, seconds(11)));
    // A service is reported once: it is watched from then on.
    waiting.put(query(1, 1, 1, seconds(14), service), 1, 100);
    CHECK_FALSE(waiting.announce(service, seconds(100)));
}
