// Do attempts at upstreams work on real sockets (resolver/net/links.hpp)?
#include <set>

#include "resolver/net/links.hpp"
#include "tests/loop/sockets_support.hpp"

using namespace lictor;
using namespace lictor::answer;
using namespace lictor::net;
using namespace lictor::wire;
using namespace lictor::test;

namespace {

struct Upstream {
    explicit Upstream(const std::string& address = "127.0.0.1") : udp(address) { at = bound_to(udp.socket.fd()); }
    /// The next query and its sender.
    std::optional<std::pair<Message, Endpoint>> query() {
        Endpoint from;
        auto message = udp.receive(&from);
        if (!message) return std::nullopt;
        return std::pair(*message, from);
    }
    UdpClient udp;
    Endpoint at;
};

struct Asking : Running {
    explicit Asking(std::size_t attempts_max = 100)
        : random(Random::Seed{1, 2, 3, 4, 5, 6, 7, 8}),
          links(std::make_unique<Links>(
              loop, random, attempts_max,
              [this](AttemptId id, Bytes message) {
                  CHECK_FALSE(inside);
                  messages.emplace_back(id, Message(message.begin(), message.end()));
                  if (on_message) on_message(id);
                  if (!messages.back().second.empty()) last_still_readable = message.back() == messages.back().second.back();
              },
              [this](AttemptId id) {
                  CHECK_FALSE(inside);
                  failures.push_back(id);
                  if (on_failure) on_failure(id);
              })) {}

    void ask(AttemptId id, const Endpoint& upstream, Transport transport = Transport::udp, Message bytes = query(1),
             std::optional<Endpoint> source = {}, std::string interface = "") {
        inside = true;
        links->ask({.attempt = id,
                    .upstream = upstream,
                    .transport = transport,
                    .interface = std::move(interface),
                    .source = source,
                    .bytes = std::move(bytes)});
        inside = false;
    }
    void close(AttemptId id) {
        inside = true;
        links->close(id);
        inside = false;
    }

    Random random;
    std::unique_ptr<Links> links;
    std::vector<std::pair<AttemptId, Message>> messages;
    std::vector<AttemptId> failures;
    std::function<void(AttemptId)> on_message, on_failure;
    bool inside = false, last_still_readable = true;
};

/// Accepts one connection.
Socket accepted(Running& running, const Socket& listening) {
    int fd = -1;
    REQUIRE(running.until([&] { return (fd = ::accept4(listening.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0; }));
    return Socket(fd);
}

Socket listening_socket() {
    Socket socket = open_socket(SOCK_STREAM, endpoint("127.0.0.1"));
    REQUIRE(::listen(socket.fd(), 16) == 0);
    return socket;
}

/// A port on which nothing listens.
Endpoint silent_port(int type) { return bound_to(open_socket(type, endpoint("127.0.0.1")).fd()); }

std::size_t open_descriptors() {
    std::size_t count = 0;
    for (int fd = 0; fd < 1024; ++fd) count += ::fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
    return count;
}

}  // namespace

TEST_CASE("each attempt has a socket and a random port of its own, and gets its own reply") {
    Asking asking;
    Upstream upstream;
    std::set<std::uint16_t> ports;
    const auto before = open_descriptors();
    for (std::uint16_t i = 1; i <= 50; ++i) asking.ask(i, upstream.at, Transport::udp, query(i));
    CHECK(open_descriptors() == before + 50);
    unsigned below_kernel_range = 0;
    REQUIRE(asking.until([&] {
        while (const auto got = upstream.query()) {
            ports.insert(got->second.port);
            below_kernel_range += got->second.port < 32'768 ? 1 : 0;
            CHECK(got->second.port >= 1024);
            upstream.udp.send(got->second, EchoServer::echo(got->first));
        }
        return asking.messages.size() == 50;
    }));
    CHECK(ports.size() == 50);
    CHECK(below_kernel_range > 10);  // the whole range is used, not only the kernel's
    for (const auto& [id, message] : asking.messages) CHECK(id_of(message) == id);
    for (AttemptId id = 1; id <= 50; ++id) asking.close(id);
    CHECK(open_descriptors() == before);
    CHECK(asking.failures.empty());
}

TEST_CASE("a refused port is a failure, reported from the loop") {
    Asking asking;
    const auto before = open_descriptors();
    asking.ask(1, silent_port(SOCK_DGRAM));
    asking.ask(2, silent_port(SOCK_STREAM), Transport::tcp);
    CHECK(asking.failures.empty());
    REQUIRE(asking.until([&] { return asking.failures.size() == 2; }));
    CHECK(std::set<AttemptId>(asking.failures.begin(), asking.failures.end()) == std::set<AttemptId>{1, 2});
    CHECK(open_descriptors() == before);
    CHECK(asking.messages.empty());
}

TEST_CASE("a query that cannot be sent fails, reported from the loop, unless it is closed before") {
    Asking asking;
    asking.ask(1, endpoint("127.0.0.1", 53), Transport::udp, query(1), std::nullopt, "no-such-if0");
    asking.ask(2, endpoint("127.0.0.1", 53), Transport::udp, query(1), endpoint("192.0.2.7"));
    asking.ask(3, endpoint("127.0.0.1", 53), Transport::udp, query(1), endpoint("192.0.2.7"));
    asking.close(2);
    CHECK(asking.failures.empty());
    asking.on_failure = [&](AttemptId id) {
        if (id == 1) asking.links->close(3);  // its failure is due in the same turn
    };
    asking.for_a(milliseconds(20));
    CHECK(asking.failures == std::vector<AttemptId>{1});
}

TEST_CASE("a reply over TCP is read also while no memory is left for queries in flight") {
    budget::Budget budget(200'000);
    budget::Account account;
    account.open(budget);
    account.set(budget::Kind::forward, 200'000);
    Asking asking;
    asking.links->use(account);
    const Socket listening = listening_socket();
    asking.ask(1, bound_to(listening.fd()), Transport::tcp);
    const Socket connection = accepted(asking, listening);
    Message framed;
    REQUIRE(append_frame(framed, query(1, std::string(50'000, 'x'))));
    std::size_t sent = 0;
    CHECK(asking.until([&] {
        const ssize_t done = ::send(connection.fd(), framed.data() + sent, framed.size() - sent, MSG_NOSIGNAL);
        if (done > 0) sent += static_cast<std::size_t>(done);
        return !asking.messages.empty() || !asking.failures.empty();
    }));
    CHECK(asking.failures.empty());
    REQUIRE(asking.messages.size() == 1);
    CHECK(asking.messages[0].second.size() == 50'012);
    asking.close(1);
    CHECK(account.used(budget::Kind::forward) == 200'000);
}

TEST_CASE("an attempt started by a failure report is reported when it fails") {
    Asking asking;
    asking.on_failure = [&](AttemptId id) {
        if (id < 5)
            asking.links->ask({.attempt = id + 1,
                               .upstream = endpoint("127.0.0.1", 53),
                               .transport = Transport::udp,
                               .interface = "no-such-if0",
                               .source = {},
                               .bytes = query(1)});
    };
    asking.ask(1, endpoint("127.0.0.1", 53), Transport::udp, query(1), std::nullopt, "no-such-if0");
    CHECK(asking.until([&] { return asking.failures.size() == 5; }));
    CHECK(asking.failures == std::vector<AttemptId>{1, 2, 3, 4, 5});
}

TEST_CASE("packets from a wrong address or port are dropped", "[CVE-2020-25684]") {
    Asking asking;
    Upstream upstream, same_address, other_address("127.0.0.2");
    asking.ask(1, upstream.at);
    std::optional<std::pair<Message, Endpoint>> got;
    REQUIRE(asking.until([&] { return (got = upstream.query()).has_value(); }));
    CHECK(same_address.udp.send(got->second, query(666)));
    CHECK(other_address.udp.send(got->second, query(667)));
    asking.for_a(milliseconds(20));
    CHECK(asking.messages.empty());
    CHECK(upstream.udp.send(got->second, query(1)));
    REQUIRE(asking.until([&] { return !asking.messages.empty(); }));
    CHECK(id_of(asking.messages[0].second) == 1);
    CHECK(asking.failures.empty());
}

TEST_CASE("a socket receives further packets until it is closed") {
    Asking asking;
    Upstream upstream;
    asking.ask(1, upstream.at);
    std::optional<std::pair<Message, Endpoint>> got;
    REQUIRE(asking.until([&] { return (got = upstream.query()).has_value(); }));
    for (std::uint16_t i = 0; i < 40; ++i) upstream.udp.send(got->second, query(i));
    REQUIRE(asking.until([&] { return asking.messages.size() == 40; }));
    asking.close(1);
    upstream.udp.send(got->second, query(99));
    asking.for_a(milliseconds(10));
    CHECK(asking.messages.size() == 40);
}

TEST_CASE("an attempt closed inside its callback gets no further packet") {
    Asking asking;
    Upstream upstream;
    asking.on_message = [&](AttemptId id) { asking.links->close(id); };
    const auto before = open_descriptors();
    asking.ask(1, upstream.at);
    std::optional<std::pair<Message, Endpoint>> got;
    REQUIRE(asking.until([&] { return (got = upstream.query()).has_value(); }));
    for (std::uint16_t i = 0; i < 3; ++i) upstream.udp.send(got->second, query(i));
    asking.for_a(milliseconds(10));
    CHECK(asking.messages.size() == 1);
    CHECK(asking.failures.empty());
    CHECK(open_descriptors() == before);
}

TEST_CASE("the number of attempts is bounded") {
    Asking asking(3);
    Upstream upstream;
    const auto before = open_descriptors();
    for (AttemptId id = 1; id <= 5; ++id) asking.ask(id, upstream.at);
    CHECK(open_descriptors() == before + 3);
    CHECK(asking.until([&] { return asking.failures.size() == 2; }));
    CHECK(asking.failures == std::vector<AttemptId>{4, 5});
    asking.close(1);
    asking.ask(6, upstream.at);
    CHECK(open_descriptors() == before + 3);
}

TEST_CASE("the configured source address is used; with one_port queries share the port, and replies are matched by id", "[CVE-2021-3448]") {
    Asking asking;
    Upstream upstream;
    const auto fixed = bound_to(open_socket(SOCK_DGRAM, endpoint("127.0.0.4")).fd());
    const bool one_port = GENERATE(true, false);
    for (AttemptId id = 1; id <= 2; ++id) {
        Ask ask;
        ask.attempt = id;
        ask.upstream = upstream.at;
        ask.source = fixed;
        ask.one_port = one_port;
        ask.bytes = query(static_cast<std::uint16_t>(id));
        asking.links->ask(std::move(ask));
    }
    std::map<std::uint16_t, Endpoint> from;
    REQUIRE(asking.until([&] {
        while (const auto got = upstream.query()) from[id_of(got->first)] = got->second;
        return from.size() == 2;
    }));
    CHECK(from[1].address == fixed.address);
    CHECK(from[2].address == fixed.address);
    CHECK((from[1] == fixed) == one_port);
    CHECK((from[1] == from[2]) == one_port);
    REQUIRE(upstream.udp.send(from[2], query(2)));
    REQUIRE(asking.until([&] { return asking.messages.size() == 1; }));
    CHECK(asking.messages[0].first == 2);
}

TEST_CASE("an attempt can be bound to an interface") {
    Asking asking;
    Upstream upstream;
    asking.ask(1, upstream.at, Transport::udp, query(1), std::nullopt, "lo");
    CHECK(asking.until([&] { return upstream.query().has_value(); }));
}

TEST_CASE("over TCP the query has a length prefix, and replies may come in pieces") {
    Asking asking;
    const Socket listening = listening_socket();
    const auto before = open_descriptors();
    asking.ask(1, bound_to(listening.fd()), Transport::tcp, query(7, "body"));
    TcpClient server(accepted(asking, listening));
    REQUIRE(asking.until([&] { return server.has(1); }));
    CHECK(server.messages[0] == query(7, "body"));
    Message stream = framed(query(1, "first"));
    append_frame(stream, query(2, "second"));
    for (const auto byte : stream) {
        server.send(Message{byte});
        asking.for_a(milliseconds(1));
    }
    REQUIRE(asking.until([&] { return asking.messages.size() == 2; }));
    CHECK(asking.messages[0].second == query(1, "first"));
    CHECK(asking.messages[1].second == query(2, "second"));
    CHECK(asking.failures.empty());
    server.socket.close();
    CHECK(asking.until([&] { return asking.failures.size() == 1; }));
    CHECK(open_descriptors() == before);
}

TEST_CASE("over TCP the longest messages pass, and a reply may close its attempt") {
    Asking asking;
    const Socket listening = listening_socket();
    auto longest = query(3);
    longest.resize(65'535, 'y');
    asking.on_message = [&](AttemptId id) { asking.links->close(id); };
    asking.ask(1, bound_to(listening.fd()), Transport::tcp, longest);
    TcpClient server(accepted(asking, listening));
    REQUIRE(asking.until([&] { return server.has(1); }));
    CHECK(server.messages[0] == longest);
    Message stream = framed(longest);
    append_frame(stream, query(4));
    std::size_t at = 0;
    REQUIRE(asking.until([&] {
        at += server.send(Bytes(stream).subspan(at));
        return !asking.messages.empty();
    }));
    CHECK(asking.messages[0].second == longest);
    CHECK(asking.last_still_readable);
    CHECK(asking.until([&] { return server.is_closed(); }));
    CHECK(asking.messages.size() == 1);
    CHECK(asking.failures.empty());
}

TEST_CASE("over TCP a close without a reply, a reset and a length of zero are failures") {
    Asking asking;
    const Socket listening = listening_socket();
    for (AttemptId id = 1; id <= 3; ++id) {
        asking.ask(id, bound_to(listening.fd()), Transport::tcp);
        TcpClient server(accepted(asking, listening));
        REQUIRE(asking.until([&] { return server.has(1); }));
        if (id == 1) server.send(Message{0, 0});
        if (id == 2) server.socket.reset();
        if (id == 3) server.socket.close();
        REQUIRE(asking.until([&] { return asking.failures.size() == id; }));
    }
    CHECK(asking.failures == std::vector<AttemptId>{1, 2, 3});
    CHECK(asking.messages.empty());
}

TEST_CASE("an attempt may be closed while it connects, and destroying Links closes all") {
    Asking asking;
    Upstream upstream;
    const Socket listening = listening_socket();
    const auto before = open_descriptors();
    asking.ask(1, bound_to(listening.fd()), Transport::tcp);
    asking.close(1);
    asking.ask(2, bound_to(listening.fd()), Transport::tcp);
    asking.ask(3, upstream.at);
    asking.ask(4, silent_port(SOCK_DGRAM));
    asking.links.reset();
    CHECK(open_descriptors() == before);
    asking.for_a(milliseconds(10));
    CHECK(asking.messages.empty());
    CHECK(asking.failures.empty());
}
