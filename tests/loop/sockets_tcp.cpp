// Does TCP work on real sockets: framing, pipelining, replies in any order, clients that disconnect (resolver/net/tcp_server.hpp)?
#include "tests/loop/sockets_support.hpp"

using namespace lictor;
using namespace lictor::answer;
using namespace lictor::net;
using namespace lictor::wire;
using namespace lictor::test;

namespace {

std::size_t open_connections(const EchoServer& server) { return server.counters.tcp_open.get(); }

/// Sends everything, while the loop runs.
bool send_all(EchoServer& server, TcpClient& client, const Message& bytes) {
    std::size_t at = 0;
    return server.until([&] {
        at += client.send(Bytes(bytes).subspan(at));
        return at == bytes.size();
    });
}

}  // namespace

TEST_CASE("a query sent byte by byte is answered once") {
    EchoServer server;
    const auto stream = framed(query(77, "example"));
    for (std::size_t cut = 1; cut < stream.size(); ++cut) {
        TcpClient client(server.at);
        REQUIRE(send_all(server, client, Message(stream.begin(), stream.begin() + static_cast<std::ptrdiff_t>(cut))));
        const auto before = server.sizes.size();
        server.for_a(milliseconds(3));
        REQUIRE(server.sizes.size() == before);
        REQUIRE(send_all(server, client, Message(stream.begin() + static_cast<std::ptrdiff_t>(cut), stream.end())));
        REQUIRE(server.until([&] { return client.has(1); }));
        CHECK(client.messages[0] == EchoServer::echo(query(77, "example")));
    }
    CHECK(server.until([&] { return server.gone.size() == stream.size() - 1; }));
}

TEST_CASE("a thousand pipelined queries are answered in order") {
    EchoServer server;
    TcpClient client(server.at);
    Message stream;
    for (std::uint16_t i = 0; i < 1000; ++i) append_frame(stream, query(i, "pipelined"));
    REQUIRE(send_all(server, client, stream));
    REQUIRE(server.until([&] { return client.has(1000); }));
    for (std::uint16_t i = 0; i < 1000; ++i) REQUIRE(id_of(client.messages[i]) == i);
    CHECK(client.messages.size() == 1000);
    CHECK(server.batches < 20);
    CHECK(server.counters.tcp_accepted.get() == 1);
}

TEST_CASE("later replies are sent in the order in which they are made") {
    EchoServer server;
    TcpClient client(server.at);
    Message stream;
    append_frame(stream, query(1, "L"));
    append_frame(stream, query(2, "L"));
    append_frame(stream, query(3));
    REQUIRE(send_all(server, client, stream));
    REQUIRE(server.until([&] { return client.has(1); }));
    for (auto at = server.later.rbegin(); at != server.later.rend(); ++at) server.listener->send(at->first, EchoServer::echo(at->second));
    REQUIRE(server.until([&] { return client.has(3); }));
    CHECK(id_of(client.messages[0]) == 3);
    CHECK(id_of(client.messages[1]) == 2);
    CHECK(id_of(client.messages[2]) == 1);
}

TEST_CASE("the longest query and the longest answer are transferred") {
    EchoServer server;
    TcpClient client(server.at);
    auto longest = query(9);
    longest.resize(65'535, 'x');
    REQUIRE(send_all(server, client, framed(longest)));
    REQUIRE(server.until([&] { return client.has(1); }));
    CHECK(client.messages[0] == EchoServer::echo(longest));
}

TEST_CASE("a message too short for DNS is handled and the next one is read") {
    EchoServer server;
    TcpClient client(server.at);
    Message stream;
    append_frame(stream, Message{1, 2, 3});
    append_frame(stream, query(4));
    REQUIRE(send_all(server, client, stream));
    REQUIRE(server.until([&] { return client.has(1); }));
    CHECK(server.sizes == std::vector<std::size_t>{3, 12});
}

TEST_CASE("after a length of zero the connection ends once the earlier queries are answered") {
    EchoServer server;
    TcpClient client(server.at);
    Message stream;
    append_frame(stream, query(1));
    append_frame(stream, query(2, "L"));
    stream.insert(stream.end(), {0, 0, 0, 12});
    REQUIRE(send_all(server, client, stream));
    REQUIRE(server.until([&] { return client.has(1); }));
    server.for_a(milliseconds(10));
    CHECK_FALSE(client.is_closed());
    server.listener->send(server.later.at(0).first, EchoServer::echo(server.later[0].second));
    CHECK(server.until([&] { return client.is_closed(); }));
    CHECK(client.messages.size() == 2);
    CHECK(server.gone.size() == 1);
}

TEST_CASE("a client that shuts down its side gets its replies before the connection ends") {
    EchoServer server;
    TcpClient client(server.at);
    Message stream;
    append_frame(stream, query(1, "L"));
    append_frame(stream, query(2));
    REQUIRE(send_all(server, client, stream));
    REQUIRE(::shutdown(client.socket.fd(), SHUT_WR) == 0);
    REQUIRE(server.until([&] { return client.has(1); }));
    server.for_a(milliseconds(10));
    CHECK_FALSE(client.is_closed());
    CHECK(server.gone.empty());
    server.listener->send(server.later.at(0).first, EchoServer::echo(server.later[0].second));
    CHECK(server.until([&] { return client.is_closed(); }));
    CHECK(client.messages.size() == 2);
    CHECK(server.until([&] { return server.gone.size() == 1; }));
    CHECK(open_connections(server) == 0);
}

TEST_CASE("a client that disconnects with replies pending is reported once, and its replies are dropped") {
    EchoServer server;
    TcpClient client(server.at);
    Message stream;
    for (std::uint16_t i = 0; i < 5; ++i) append_frame(stream, query(i, "L"));
    REQUIRE(send_all(server, client, stream));
    REQUIRE(server.until([&] { return server.later.size() == 5; }));
    client.socket.reset();
    REQUIRE(server.until([&] { return server.gone.size() == 1; }));
    CHECK(server.gone[0] == server.later[0].first.connection);
    for (const auto& [to, message] : server.later) server.listener->send(to, message);
    server.for_a(milliseconds(10));
    CHECK(server.gone.size() == 1);
    CHECK(open_connections(server) == 0);
}

TEST_CASE("reading pauses while too many queries of one connection are in flight") {
    TcpLimits limits;
    limits.in_flight = 3;
    EchoServer server({endpoint("127.0.0.1")}, limits);
    TcpClient client(server.at);
    Message stream;
    for (std::uint16_t i = 0; i < 10; ++i) append_frame(stream, query(i, "L"));
    REQUIRE(send_all(server, client, stream));
    REQUIRE(server.until([&] { return server.later.size() == 3; }));
    REQUIRE(send_all(server, client, framed(query(10, "L"))));
    const auto turns = server.turns;
    server.for_a(milliseconds(20));
    CHECK(server.turns - turns < 100);  // unread input must not keep the loop busy
    CHECK(server.later.size() == 3);
    for (std::size_t i = 0; i < 11; ++i) {
        REQUIRE(server.until([&] { return server.later.size() > i; }));
        server.listener->send(server.later[i].first, EchoServer::echo(server.later[i].second));
        REQUIRE(server.until([&] { return client.has(i + 1); }));
        CHECK(server.later.size() <= i + 1 + limits.in_flight);
    }
    CHECK(client.messages.size() == 11);
}

TEST_CASE("a pipeline continues when its replies have been sent") {
    TcpLimits limits;
    limits.queued_bytes = 100;  // four replies, then reading pauses
    EchoServer server({endpoint("127.0.0.1")}, limits);
    TcpClient client(server.at);
    Message stream;
    for (std::uint16_t i = 0; i < 500; ++i) append_frame(stream, query(i));
    REQUIRE(send_all(server, client, stream));
    CHECK(server.until([&] { return client.has(500); }));
    for (std::uint16_t i = 0; i < client.messages.size(); ++i) REQUIRE(id_of(client.messages[i]) == i);
}

TEST_CASE("after a length of zero the connection ends with the reply to the pending query") {
    TcpLimits limits;
    limits.in_flight = 1;
    EchoServer server({endpoint("127.0.0.1")}, limits);
    TcpClient client(server.at);
    Message stream = framed(query(1, "L"));
    stream.insert(stream.end(), {0, 0});
    REQUIRE(send_all(server, client, stream));
    REQUIRE(server.until([&] { return server.later.size() == 1; }));
    server.listener->send(server.later[0].first, query(1));
    CHECK(server.until([&] { return client.is_closed(); }));
    CHECK(client.messages.size() == 1);
}

TEST_CASE("a disconnect while reading is paused is detected when the reply is sent") {
    TcpLimits limits;
    limits.in_flight = 1;
    EchoServer server({endpoint("127.0.0.1")}, limits);
    TcpClient client(server.at);
    Message stream;
    append_frame(stream, query(1, "L"));
    append_frame(stream, query(2, "L"));
    REQUIRE(send_all(server, client, stream));
    REQUIRE(server.until([&] { return server.later.size() == 1; }));
    client.socket.reset();
    server.for_a(milliseconds(5));
    server.listener->send(server.later[0].first, query(1));
    CHECK(server.until([&] { return server.gone.size() == 1; }));
    CHECK(server.later.size() == 1);
}

TEST_CASE("no queries are read from a client that does not read replies, so memory is bounded") {
    TcpLimits limits;
    limits.write_stall = milliseconds(400);
    EchoServer server({endpoint("127.0.0.1")}, limits);
    Socket small = open_socket(SOCK_STREAM, endpoint("127.0.0.1"));
    const int bytes = 4096;
    ::setsockopt(small.fd(), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    TcpClient client(std::move(small));
    REQUIRE(client.connect(server.at));
    Message stream;
    for (std::uint16_t i = 0; i < 400; ++i) append_frame(stream, query(i, "B"));
    REQUIRE(send_all(server, client, stream));
    server.for_a(milliseconds(100));
    CHECK(server.sizes.size() < 200);  // 60,000 bytes each: the kernel's buffers and ours
    CHECK(server.listener->busy());
    SECTION("it is closed if it reads nothing") {
        CHECK(server.until([&] { return server.gone.size() == 1; }));
        CHECK(server.counters.tcp_closed_slow.get() == 1);
        CHECK_FALSE(server.listener->busy());
    }
    SECTION("it gets all replies once it reads") {
        CHECK(server.until([&] { return client.has(400); }, milliseconds(20'000)));
        for (std::uint16_t i = 0; i < client.messages.size(); ++i) REQUIRE(id_of(client.messages[i]) == i);
        CHECK(server.counters.tcp_closed_slow.get() == 0);
    }
}

TEST_CASE("later replies beyond the bound close a client that does not read") {
    TcpLimits limits;
    limits.queued_bytes = 100'000;
    EchoServer server({endpoint("127.0.0.1")}, limits);
    Socket small = open_socket(SOCK_STREAM, endpoint("127.0.0.1"));
    const int bytes = 4096;
    ::setsockopt(small.fd(), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    TcpClient client(std::move(small));
    REQUIRE(client.connect(server.at));
    REQUIRE(send_all(server, client, framed(query(1, "L"))));
    REQUIRE(server.until([&] { return server.later.size() == 1; }));
    std::size_t sent = 0;
    // In the same turn: `send` must not call `gone`.
    for (; server.counters.tcp_closed_slow.get() == 0 && sent < 1000; ++sent) server.listener->send(server.later[0].first, Message(50'000));
    CHECK(sent < 1000);
    CHECK(server.gone.empty());
    CHECK(server.until([&] { return server.gone.size() == 1; }));
}

TEST_CASE("a connection may end while its query is handled") {
    TcpLimits limits;
    limits.queued_bytes = 1000;
    EchoServer server({endpoint("127.0.0.1")}, limits);
    TcpClient first(server.at), second(server.at);
    REQUIRE(send_all(server, first, framed(query(1, "L"))));
    REQUIRE(server.until([&] { return server.later.size() == 1; }));
    // A query in a pipeline makes the server send to its own connection until that is closed.
    server.on_query = [&](Bytes message, const Client& client) {
        if (id_of(message) != 5) return;
        const auto closed = server.counters.tcp_closed_slow.get();
        for (int i = 0; i < 10'000 && server.counters.tcp_closed_slow.get() == closed; ++i) server.listener->send(client, Message(60'000));
        server.listener->flush();
        CHECK(server.gone.empty());
    };
    Message stream;
    for (std::uint16_t i = 3; i < 10; ++i) append_frame(stream, query(i));
    REQUIRE(send_all(server, second, stream));
    REQUIRE(server.until([&] { return server.gone.size() == 1; }));
    CHECK(server.sizes.size() == 4);  // 1, then 3, 4, 5
    server.listener->send(server.later[0].first, query(1));
    CHECK(server.until([&] { return first.has(1); }));
    CHECK(server.gone.size() == 1);
}

TEST_CASE("a connection to a wildcard socket has the local address that the client used") {
    EchoServer server({endpoint("0.0.0.0")});
    TcpClient client(endpoint("127.0.0.6", server.at.port), "127.0.0.7");
    REQUIRE(send_all(server, client, framed(query(1))));
    REQUIRE(server.until([&] { return client.has(1); }));
    CHECK(server.clients[0].local == *Address::parse("127.0.0.6"));
    CHECK(server.clients[0].peer == bound_to(client.socket.fd()));
    CHECK(server.clients[0].connection != 0);
}

TEST_CASE("accepted connections have keep-alive and TCP_NODELAY") {
    EchoServer server;
    TcpClient client(server.at);
    REQUIRE(server.until([&] { return server.counters.tcp_open.get() == 1; }));
    const auto ours = bound_to(client.socket.fd());
    int found = -1;
    for (int fd = 0; fd < 1024; ++fd) {
        SocketAddress peer;
        if (::getpeername(fd, &peer.any, &peer.length) == 0 && peer.endpoint() == ours) found = fd;
    }
    REQUIRE(found >= 0);
    const auto option = [found](int level, int name) {
        int value = 0;
        socklen_t size = sizeof value;
        REQUIRE(::getsockopt(found, level, name, &value, &size) == 0);
        return value;
    };
    CHECK(option(SOL_SOCKET, SO_KEEPALIVE) == 1);
    CHECK(option(IPPROTO_TCP, TCP_NODELAY) != 0);
    CHECK(option(IPPROTO_TCP, TCP_KEEPIDLE) == 30);
    CHECK(option(IPPROTO_TCP, TCP_USER_TIMEOUT) == 20'000);
    CHECK((::fcntl(found, F_GETFD) & FD_CLOEXEC) != 0);
}

TEST_CASE("after stop_reading nothing is accepted or read, and replies are still sent") {
    EchoServer server;
    TcpClient client(server.at);
    REQUIRE(send_all(server, client, framed(query(1, "L"))));
    REQUIRE(server.until([&] { return server.later.size() == 1; }));
    server.listener->stop_reading();
    REQUIRE(send_all(server, client, framed(query(2))));
    TcpClient late(server.at);
    const auto turns = server.turns;
    server.for_a(milliseconds(20));
    CHECK(server.turns - turns < 100);
    CHECK(server.counters.tcp_accepted.get() == 1);
    CHECK(server.sizes.size() == 1);
    server.listener->send(server.later[0].first, query(1));
    server.listener->flush();
    CHECK(client.has(1));
}

TEST_CASE("a listener may be destroyed while queries and replies are pending") {
    EchoServer server;
    TcpClient client(server.at), idle(server.at);
    REQUIRE(send_all(server, client, framed(query(1, "L"))));
    REQUIRE(server.until([&] { return server.later.size() == 1; }));
    server.listener->send(server.later[0].first, query(1));
    server.listener.reset();
    CHECK(server.until([&] { return client.is_closed() && idle.is_closed(); }));
    CHECK(client.messages.size() == 1);
    CHECK(server.gone.empty());
}
