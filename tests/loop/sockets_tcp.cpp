// TCP questions and replies on real sockets: framing, pipelining, replies in any order, clients that leave (resolver/tcp_server.hpp).
#include "tests/loop/sockets_support.hpp"

using namespace lictor;
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

TEST_CASE("a question cut at each byte is answered once") {
    EchoServer server;
    const auto stream = framed(question(77, "example"));
    for (std::size_t cut = 1; cut < stream.size(); ++cut) {
        TcpClient client(server.at);
        REQUIRE(send_all(server, client, Message(stream.begin(), stream.begin() + static_cast<std::ptrdiff_t>(cut))));
        const auto before = server.sizes.size();
        server.for_a(milliseconds(3));
        REQUIRE(server.sizes.size() == before);
        REQUIRE(send_all(server, client, Message(stream.begin() + static_cast<std::ptrdiff_t>(cut), stream.end())));
        REQUIRE(server.until([&] { return client.has(1); }));
        CHECK(client.messages[0] == EchoServer::echo(question(77, "example")));
    }
    CHECK(server.until([&] { return server.gone.size() == stream.size() - 1; }));
}

TEST_CASE("a thousand pipelined questions have a thousand answers in order") {
    EchoServer server;
    TcpClient client(server.at);
    Message stream;
    for (std::uint16_t i = 0; i < 1000; ++i) append_frame(stream, question(i, "pipelined"));
    REQUIRE(send_all(server, client, stream));
    REQUIRE(server.until([&] { return client.has(1000); }));
    for (std::uint16_t i = 0; i < 1000; ++i) REQUIRE(id_of(client.messages[i]) == i);
    CHECK(client.messages.size() == 1000);
    CHECK(server.batches < 20);
    CHECK(server.counters.tcp_accepted.get() == 1);
}

TEST_CASE("a later reply overtakes nobody and is overtaken by all") {
    EchoServer server;
    TcpClient client(server.at);
    Message stream;
    append_frame(stream, question(1, "L"));
    append_frame(stream, question(2, "L"));
    append_frame(stream, question(3));
    REQUIRE(send_all(server, client, stream));
    REQUIRE(server.until([&] { return client.has(1); }));
    for (auto at = server.later.rbegin(); at != server.later.rend(); ++at) server.listener->send(at->first, EchoServer::echo(at->second));
    REQUIRE(server.until([&] { return client.has(3); }));
    CHECK(id_of(client.messages[0]) == 3);
    CHECK(id_of(client.messages[1]) == 2);
    CHECK(id_of(client.messages[2]) == 1);
}

TEST_CASE("the longest question and the longest answer pass") {
    EchoServer server;
    TcpClient client(server.at);
    auto longest = question(9);
    longest.resize(65'535, 'x');
    REQUIRE(send_all(server, client, framed(longest)));
    REQUIRE(server.until([&] { return client.has(1); }));
    CHECK(client.messages[0] == EchoServer::echo(longest));
}

TEST_CASE("a message too short for DNS is handed on and the stream stays in step") {
    EchoServer server;
    TcpClient client(server.at);
    Message stream;
    append_frame(stream, Message{1, 2, 3});
    append_frame(stream, question(4));
    REQUIRE(send_all(server, client, stream));
    REQUIRE(server.until([&] { return client.has(1); }));
    CHECK(server.sizes == std::vector<std::size_t>{3, 12});
}

TEST_CASE("a length of zero ends the connection once what came before is answered") {
    EchoServer server;
    TcpClient client(server.at);
    Message stream;
    append_frame(stream, question(1));
    append_frame(stream, question(2, "L"));
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

TEST_CASE("a client that ends its side gets what it is owed, then the end") {
    EchoServer server;
    TcpClient client(server.at);
    Message stream;
    append_frame(stream, question(1, "L"));
    append_frame(stream, question(2));
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

TEST_CASE("a client that vanishes with replies pending is told of once, and its replies are nobody's") {
    EchoServer server;
    TcpClient client(server.at);
    Message stream;
    for (std::uint16_t i = 0; i < 5; ++i) append_frame(stream, question(i, "L"));
    REQUIRE(send_all(server, client, stream));
    REQUIRE(server.until([&] { return server.later.size() == 5; }));
    client.socket.reset();
    REQUIRE(server.until([&] { return server.gone.size() == 1; }));
    CHECK(server.gone[0] == server.later[0].first.connection);
    for (const auto& [who, message] : server.later) server.listener->send(who, message);
    server.for_a(milliseconds(10));
    CHECK(server.gone.size() == 1);
    CHECK(open_connections(server) == 0);
}

TEST_CASE("reading pauses while too many questions of one connection are under way") {
    TcpLimits limits;
    limits.in_flight = 3;
    EchoServer server({endpoint("127.0.0.1")}, limits);
    TcpClient client(server.at);
    Message stream;
    for (std::uint16_t i = 0; i < 10; ++i) append_frame(stream, question(i, "L"));
    REQUIRE(send_all(server, client, stream));
    REQUIRE(server.until([&] { return server.later.size() == 3; }));
    REQUIRE(send_all(server, client, framed(question(10, "L"))));
    const auto turns = server.turns;
    server.for_a(milliseconds(20));
    CHECK(server.turns - turns < 100);  // what is not read must not keep the loop awake
    CHECK(server.later.size() == 3);
    for (std::size_t i = 0; i < 11; ++i) {
        REQUIRE(server.until([&] { return server.later.size() > i; }));
        server.listener->send(server.later[i].first, EchoServer::echo(server.later[i].second));
        REQUIRE(server.until([&] { return client.has(i + 1); }));
        CHECK(server.later.size() <= i + 1 + limits.in_flight);
    }
    CHECK(client.messages.size() == 11);
}

TEST_CASE("a pipeline goes on by itself when its replies have left") {
    TcpLimits limits;
    limits.queued_bytes = 100;  // four replies, then reading pauses
    EchoServer server({endpoint("127.0.0.1")}, limits);
    TcpClient client(server.at);
    Message stream;
    for (std::uint16_t i = 0; i < 500; ++i) append_frame(stream, question(i));
    REQUIRE(send_all(server, client, stream));
    CHECK(server.until([&] { return client.has(500); }));
    for (std::uint16_t i = 0; i < client.messages.size(); ++i) REQUIRE(id_of(client.messages[i]) == i);
}

TEST_CASE("a length of zero behind a question under way ends the connection with its reply") {
    TcpLimits limits;
    limits.in_flight = 1;
    EchoServer server({endpoint("127.0.0.1")}, limits);
    TcpClient client(server.at);
    Message stream = framed(question(1, "L"));
    stream.insert(stream.end(), {0, 0});
    REQUIRE(send_all(server, client, stream));
    REQUIRE(server.until([&] { return server.later.size() == 1; }));
    server.listener->send(server.later[0].first, question(1));
    CHECK(server.until([&] { return client.is_closed(); }));
    CHECK(client.messages.size() == 1);
}

TEST_CASE("a client that vanishes while reading is paused is noticed by its reply") {
    TcpLimits limits;
    limits.in_flight = 1;
    EchoServer server({endpoint("127.0.0.1")}, limits);
    TcpClient client(server.at);
    Message stream;
    append_frame(stream, question(1, "L"));
    append_frame(stream, question(2, "L"));
    REQUIRE(send_all(server, client, stream));
    REQUIRE(server.until([&] { return server.later.size() == 1; }));
    client.socket.reset();
    server.for_a(milliseconds(5));
    server.listener->send(server.later[0].first, question(1));
    CHECK(server.until([&] { return server.gone.size() == 1; }));
    CHECK(server.later.size() == 1);
}

TEST_CASE("a client that does not read holds back its own questions, not the memory") {
    TcpLimits limits;
    limits.write_stall = milliseconds(400);
    EchoServer server({endpoint("127.0.0.1")}, limits);
    Socket small = open_socket(SOCK_STREAM, endpoint("127.0.0.1"));
    const int bytes = 4096;
    ::setsockopt(small.fd(), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    TcpClient client(std::move(small));
    REQUIRE(client.connect(server.at));
    Message stream;
    for (std::uint16_t i = 0; i < 400; ++i) append_frame(stream, question(i, "B"));
    REQUIRE(send_all(server, client, stream));
    server.for_a(milliseconds(100));
    CHECK(server.sizes.size() < 200);  // 60,000 bytes each: the kernel's buffers and ours
    CHECK(server.listener->busy());
    SECTION("and is closed when it takes nothing at all") {
        CHECK(server.until([&] { return server.gone.size() == 1; }));
        CHECK(server.counters.tcp_closed_slow.get() == 1);
        CHECK_FALSE(server.listener->busy());
    }
    SECTION("and gets everything once it reads") {
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
    REQUIRE(send_all(server, client, framed(question(1, "L"))));
    REQUIRE(server.until([&] { return server.later.size() == 1; }));
    std::size_t sent = 0;
    // Inside one turn: `gone` may not be called by `send`.
    for (; server.counters.tcp_closed_slow.get() == 0 && sent < 1000; ++sent) server.listener->send(server.later[0].first, Message(50'000));
    CHECK(sent < 1000);
    CHECK(server.gone.empty());
    CHECK(server.until([&] { return server.gone.size() == 1; }));
}

TEST_CASE("a connection that ends while its question is handled is left alone") {
    TcpLimits limits;
    limits.queued_bytes = 1000;
    EchoServer server({endpoint("127.0.0.1")}, limits);
    TcpClient first(server.at), second(server.at);
    REQUIRE(send_all(server, first, framed(question(1, "L"))));
    REQUIRE(server.until([&] { return server.later.size() == 1; }));
    // A question makes the server flood its own connection until that is closed, in the middle of a pipeline.
    server.on_question = [&](Bytes message, const Client& client) {
        if (id_of(message) != 5) return;
        const auto closed = server.counters.tcp_closed_slow.get();
        for (int i = 0; i < 10'000 && server.counters.tcp_closed_slow.get() == closed; ++i) server.listener->send(client, Message(60'000));
        server.listener->flush();
        CHECK(server.gone.empty());
    };
    Message stream;
    for (std::uint16_t i = 3; i < 10; ++i) append_frame(stream, question(i));
    REQUIRE(send_all(server, second, stream));
    REQUIRE(server.until([&] { return server.gone.size() == 1; }));
    CHECK(server.sizes.size() == 4);  // 1, then 3, 4, 5
    server.listener->send(server.later[0].first, question(1));
    CHECK(server.until([&] { return first.has(1); }));
    CHECK(server.gone.size() == 1);
}

TEST_CASE("a connection to a wildcard socket knows the address it came to") {
    EchoServer server({endpoint("0.0.0.0")});
    TcpClient client(endpoint("127.0.0.6", server.at.port), "127.0.0.7");
    REQUIRE(send_all(server, client, framed(question(1))));
    REQUIRE(server.until([&] { return client.has(1); }));
    CHECK(server.clients[0].local == *Address::parse("127.0.0.6"));
    CHECK(server.clients[0].peer == bound_to(client.socket.fd()));
    CHECK(server.clients[0].connection != 0);
}

TEST_CASE("accepted connections are watched by the kernel and do not wait for full packets") {
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

TEST_CASE("after stop_reading nobody is accepted, nothing is read and replies still leave") {
    EchoServer server;
    TcpClient client(server.at);
    REQUIRE(send_all(server, client, framed(question(1, "L"))));
    REQUIRE(server.until([&] { return server.later.size() == 1; }));
    server.listener->stop_reading();
    REQUIRE(send_all(server, client, framed(question(2))));
    TcpClient late(server.at);
    const auto turns = server.turns;
    server.for_a(milliseconds(20));
    CHECK(server.turns - turns < 100);
    CHECK(server.counters.tcp_accepted.get() == 1);
    CHECK(server.sizes.size() == 1);
    server.listener->send(server.later[0].first, question(1));
    server.listener->flush();
    CHECK(client.has(1));
}

TEST_CASE("a listener may go while connections have questions and replies under way") {
    EchoServer server;
    TcpClient client(server.at), idle(server.at);
    REQUIRE(send_all(server, client, framed(question(1, "L"))));
    REQUIRE(server.until([&] { return server.later.size() == 1; }));
    server.listener->send(server.later[0].first, question(1));
    server.listener.reset();
    CHECK(server.until([&] { return client.is_closed() && idle.is_closed(); }));
    CHECK(client.messages.size() == 1);
    CHECK(server.gone.empty());
}
