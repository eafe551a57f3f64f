// Does UDP work on real sockets (resolver/net/listener.hpp, resolver/net/udp_batch.hpp)?
#include <sys/syscall.h>

#include <set>

#include "tests/loop/sockets_support.hpp"

using namespace lictor;
using namespace lictor::answer;
using namespace lictor::loop;
using namespace lictor::net;
using namespace lictor::wire;
using namespace lictor::test;

namespace {

/// Faults of the next calls of sendmmsg; none if `error_of` is empty.
struct SendFault {
    std::function<int(const mmsghdr&)> error_of;  ///< errno for one datagram, 0 = none
    unsigned calls = 0;
};
SendFault send_fault;

struct FaultScope {
    ~FaultScope() { send_fault = {}; }
};

std::uint16_t id_of(const mmsghdr& header) { return test::id_of({static_cast<const std::uint8_t*>(header.msg_hdr.msg_iov->iov_base), 2}); }

}  // namespace

/// Replaces the function of libc. As in the kernel, the call fails if the first datagram fails, and ends early if a later one fails.
extern "C" int sendmmsg(int fd, mmsghdr* headers, unsigned count, int flags) {
    ++send_fault.calls;
    if (send_fault.error_of) {
        unsigned good = 0;
        while (good < count && send_fault.error_of(headers[good]) == 0) ++good;
        if (good == 0 && count > 0) {
            errno = send_fault.error_of(headers[0]);
            return -1;
        }
        count = good;
    }
    return static_cast<int>(::syscall(SYS_sendmmsg, fd, headers, count, flags));
}

TEST_CASE("each of a thousand datagrams is answered once, in batches") {
    EchoServer server;
    UdpClient client;
    for (std::uint16_t i = 0; i < 1000; ++i) REQUIRE(client.send(server.at, query(i, "hello")));
    std::map<std::uint16_t, int> answers;
    CHECK(server.until([&] {
        while (const auto reply = client.receive()) {
            CHECK(((*reply)[2] & 0x80) != 0);
            CHECK(reply->size() == 17);
            ++answers[test::id_of(*reply)];
        }
        return answers.size() == 1000;
    }));
    server.for_a(milliseconds(20));
    CHECK_FALSE(client.receive());
    for (const auto& [id, count] : answers) CHECK(count == 1);
    CHECK(server.batches <= 17);  // 1000 / 64, and one more for the end of a turn
    CHECK(server.counters.send_failed.get() == 0);
}

TEST_CASE("before_batch is called before the queries of a batch, after_batch after them") {
    EchoServer server;
    UdpClient client;
    for (std::uint16_t i = 0; i < 3; ++i) REQUIRE(client.send(server.at, query(i)));
    REQUIRE(server.until([&] { return server.sizes.size() == 3; }));
    CHECK(server.events == "bhhha");
}

TEST_CASE("one batch sends short replies and replies of the greatest size") {
    EchoServer server;
    UdpClient client;
    for (std::uint16_t i = 0; i < 60; ++i) REQUIRE(client.send(server.at, query(i, i % 5 == 3 ? "B" : "short")));
    std::map<std::uint16_t, std::size_t> sizes;
    std::vector<std::uint16_t> order;
    CHECK(server.until([&] {
        while (const auto reply = client.receive()) {
            order.push_back(test::id_of(*reply));
            sizes[order.back()] = reply->size();
            CHECK(((*reply)[2] & 0x80) != 0);
        }
        return sizes.size() == 60;
    }));
    CHECK(server.batches == 1);
    CHECK(std::is_sorted(order.begin(), order.end()));
    for (const auto& [id, size] : sizes) CHECK(size == (id % 5 == 3 ? 60'000 : 17));
    CHECK(server.counters.send_failed.get() == 0);
}

TEST_CASE("a wildcard socket replies from the queried address") {
    EchoServer server({endpoint("0.0.0.0")});
    UdpClient client("127.0.0.9");
    for (const std::string asked : {"127.0.0.1", "127.0.0.2", "127.0.0.77"}) {
        for (const auto* body : {"", "L"}) {
            REQUIRE(client.send(endpoint(asked, server.at.port), query(7, body)));
            Endpoint from;
            REQUIRE(server.until([&] {
                for (auto& [to, message] : std::exchange(server.later, {})) server.listener->send(to, EchoServer::echo(message));
                return client.receive(&from).has_value();
            }));
            CHECK(from.text() == endpoint(asked, server.at.port).text());
            CHECK(server.clients.back().local == *Address::parse(asked));
        }
    }
}

TEST_CASE("IPv6: a wildcard socket replies from the queried address, and IPv4 can use the same port") {
    BindRequest probe;
    probe.endpoints = {endpoint("::1")};
    if (!bind_all(probe)) {
        WARN("skipped: this machine has no IPv6");
        return;
    }
    EchoServer server({endpoint("::"), endpoint("0.0.0.0")});
    UdpClient client("::1"), client4;
    for (const auto* body : {"", "L"}) {
        REQUIRE(client.send(endpoint("::1", server.at.port), query(9, body)));
        Endpoint from;
        REQUIRE(server.until([&] {
            for (auto& [to, message] : std::exchange(server.later, {})) server.listener->send(to, EchoServer::echo(message));
            return client.receive(&from).has_value();
        }));
        CHECK(from == endpoint("::1", server.at.port));
    }
    REQUIRE(client4.send(endpoint("127.0.0.1", server.at.port), query(10)));
    CHECK(server.until([&] { return client4.receive().has_value(); }));
}

TEST_CASE("a later reply is sent at the end of the turn") {
    EchoServer server;
    UdpClient client;
    REQUIRE(client.send(server.at, query(1, "L")));
    REQUIRE(server.until([&] { return server.later.size() == 1; }));
    Timer timer(server.loop, [&] { server.listener->send(server.later[0].first, EchoServer::echo(server.later[0].second)); });
    timer.start(milliseconds(1));
    CHECK(server.until([&] { return client.receive().has_value(); }));
    CHECK_FALSE(server.listener->busy());
}

TEST_CASE("a thousand later replies are sent with few calls") {
    EchoServer server;
    UdpClient client;
    REQUIRE(client.send(server.at, query(1, "L")));
    REQUIRE(server.until([&] { return server.later.size() == 1; }));
    const FaultScope scope;
    send_fault.calls = 0;
    for (std::uint16_t i = 0; i < 1000; ++i) server.listener->send(server.later[0].first, query(i));
    server.listener->flush();
    CHECK(send_fault.calls == 16);
    std::set<std::uint16_t> ids;
    while (const auto reply = client.receive()) ids.insert(test::id_of(*reply));
    CHECK(ids.size() == 1000);
}

TEST_CASE("a datagram that cannot be sent does not affect the others") {
    EchoServer server;
    UdpClient client;
    const FaultScope scope;
    send_fault.error_of = [](const mmsghdr& header) { return id_of(header) % 10 == 3 ? EPERM : 0; };
    for (std::uint16_t i = 0; i < 40; ++i) REQUIRE(client.send(server.at, query(i)));
    std::set<std::uint16_t> ids;
    CHECK(server.until([&] {
        while (const auto reply = client.receive()) ids.insert(test::id_of(*reply));
        return ids.size() == 36;
    }));
    CHECK(server.counters.send_failed.get() == 4);
}

TEST_CASE("replies are queued while the send buffer is full, and are sent in order") {
    EchoServer server;
    UdpClient client;
    const FaultScope scope;
    std::uint16_t room_below = 20, taken = 0;
    send_fault.error_of = [&](const mmsghdr& header) { return id_of(header) < room_below ? 0 : EAGAIN; };
    const auto body = [](std::uint16_t id) { return std::string(id < 100 ? id % 7 : 100 + id % 7, 'x'); };
    const auto take = [&] {
        while (const auto reply = client.receive()) {
            CHECK(*reply == EchoServer::echo(query(taken, body(taken))));
            ++taken;
        }
        return taken;
    };
    const auto ask = [&](std::uint16_t from, std::uint16_t to) {
        for (auto i = from; i < to; ++i) REQUIRE(client.send(server.at, query(i, body(i))));
        REQUIRE(server.until([&] { return server.sizes.size() == to; }));
    };
    ask(0, 100);
    CHECK(server.listener->busy());
    CHECK(server.until([&] { return take() == 20; }));
    room_below = 90;
    CHECK(server.until([&] { return take() == 90; }));
    ask(100, 150);  // the queue has space for these again
    room_below = 1000;
    CHECK(server.until([&] { return take() == 150; }));
    CHECK_FALSE(server.listener->busy());
    CHECK(server.counters.send_failed.get() == 0);
}

TEST_CASE("at most 1024 replies are queued; further replies are dropped and counted") {
    EchoServer server({endpoint("0.0.0.0")});
    UdpClient client;
    const FaultScope scope;
    bool room = false;
    send_fault.error_of = [&](const mmsghdr&) { return room ? 0 : EAGAIN; };
    for (std::uint16_t i = 0; i < 1500; ++i) REQUIRE(client.send(endpoint("127.0.0.5", server.at.port), query(i)));
    REQUIRE(server.until([&] { return server.sizes.size() == 1500; }));
    CHECK(server.counters.send_failed.get() == 1500 - 1024);
    room = true;
    std::size_t replies = 0;
    Endpoint from;
    CHECK(server.until([&] {
        while (client.receive(&from)) {
            ++replies;
            CHECK(from == endpoint("127.0.0.5", server.at.port));
        }
        return replies == 1024;
    }));
}

TEST_CASE("a later reply is sent although the budget is full, if no reply is queued") {
    budget::Budget budget(1'000'000);
    EchoServer server;
    server.counters.memory.open(budget);
    UdpClient client;
    REQUIRE(client.send(server.at, query(1, "L")));
    REQUIRE(server.until([&] { return server.later.size() == 1; }));
    const auto& to = server.later[0].first;
    for (std::uint16_t i = 0; i < 63; ++i) server.listener->send(to, query(i, std::string(988, 'x')));
    server.listener->flush();
    while (client.receive()) continue;
    REQUIRE(server.counters.memory.used(budget::Kind::replies) > 65'536);  // the empty queue keeps it
    server.counters.memory.set(budget::Kind::consul, 1'000'000);
    for (const std::size_t size : {10u, 60'000u, 65'000u}) {
        server.listener->send(to, query(7, std::string(size, 'y')));
        server.listener->flush();
        CHECK(server.until([&] { return client.receive().has_value(); }));
    }
    CHECK(server.counters.send_failed.get() == 0);
    CHECK(server.counters.memory.shed(budget::Kind::replies) == 0);
    server.counters.memory.set(budget::Kind::consul, 0);
}

TEST_CASE("a datagram that is too long is truncated, and the next one is complete", "[CVE-2017-13704]") {
    EchoServer server;
    UdpClient client;
    REQUIRE(client.send(server.at, Message(2049)));
    REQUIRE(client.send(server.at, Message(2048)));
    REQUIRE(client.send(server.at, Message{}));
    REQUIRE(client.send(server.at, query(5)));
    REQUIRE(server.until([&] { return server.sizes.size() == 4; }));
    CHECK(server.sizes == std::vector<std::size_t>{2048, 2048, 0, 12});
}

TEST_CASE("after stop_reading no query is read and replies are still sent") {
    EchoServer server;
    UdpClient client;
    REQUIRE(client.send(server.at, query(1, "L")));
    REQUIRE(server.until([&] { return server.later.size() == 1; }));
    server.listener->stop_reading();
    REQUIRE(client.send(server.at, query(2)));
    const auto turns = server.turns;
    server.for_a(milliseconds(30));
    CHECK(server.turns - turns < 100);  // unread input must not keep the loop busy
    CHECK(server.sizes.size() == 1);
    server.listener->send(server.later[0].first, query(1));
    CHECK(server.until([&] { return client.receive().has_value(); }));
}

TEST_CASE("stop_reading during a batch takes effect after that batch") {
    EchoServer server;
    UdpClient client;
    server.on_query = [&](Bytes, const Client&) { server.listener->stop_reading(); };
    for (std::uint16_t i = 0; i < 200; ++i) REQUIRE(client.send(server.at, query(i)));
    server.for_a(milliseconds(20));
    CHECK(server.sizes.size() == 64);
}

TEST_CASE("adopt keeps, closes and opens sockets") {
    EchoServer server({endpoint("127.0.0.1"), endpoint("127.0.0.2")});
    UdpClient client;
    const auto port = server.at.port;
    REQUIRE(client.send(endpoint("127.0.0.2", port), query(1, "L")));
    REQUIRE(server.until([&] { return server.later.size() == 1; }));
    BindRequest request;
    request.endpoints = {endpoint("127.0.0.3", port)};
    auto added = bind_all(request);
    REQUIRE(added);
    server.listener->adopt(std::move((*added)[0]), {endpoint("127.0.0.1", port)});
    server.listener->send(server.later[0].first, query(1));  // dropped: its socket is closed
    for (const std::string address : {"127.0.0.1", "127.0.0.3"}) {
        REQUIRE(client.send(endpoint(address, port), query(2)));
        Endpoint from;
        CHECK(server.until([&] { return client.receive(&from).has_value(); }));
        CHECK(from == endpoint(address, port));
        TcpClient tcp(endpoint(address, port));
        server.until([&] { return tcp.send(framed(query(3))) > 0; });
        CHECK(server.until([&] { return tcp.has(1); }));
    }
    request.endpoints = {endpoint("127.0.0.2", port)};
    CHECK(bind_all(request));
}
