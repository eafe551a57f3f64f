// The bounds of the TCP side in time and number: slow senders, idle clients, pressure, no descriptors left (resolver/tcp_server.hpp).
#include <dirent.h>
#include <ifaddrs.h>
#include <sys/resource.h>

#include "tests/loop/sockets_support.hpp"

using namespace lictor;
using namespace lictor::test;

namespace {

TcpLimits quick() {
    TcpLimits limits;
    limits.idle = milliseconds(600);
    limits.idle_pressed = milliseconds(100);
    limits.message = milliseconds(300);
    return limits;
}

/// Leaves exactly `spare` descriptors to be had.
struct FewDescriptors {
    explicit FewDescriptors(rlim_t spare) {
        rlim_t highest = 0;
        DIR* directory = ::opendir("/proc/self/fd");
        while (const auto* entry = ::readdir(directory)) highest = std::max(highest, static_cast<rlim_t>(std::strtoul(entry->d_name, nullptr, 10)));
        ::closedir(directory);
        do fillers.emplace_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
        while (static_cast<rlim_t>(fillers.back().fd()) < highest);
        ::getrlimit(RLIMIT_NOFILE, &before);
        const rlimit now{.rlim_cur = static_cast<rlim_t>(fillers.back().fd()) + 1 + spare, .rlim_max = before.rlim_max};
        ::setrlimit(RLIMIT_NOFILE, &now);
    }
    ~FewDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before); }
    rlimit before{};
    std::vector<Socket> fillers;
};

std::optional<Address> some_address_beyond_loopback() {
    ifaddrs* list = nullptr;
    if (::getifaddrs(&list) != 0) return std::nullopt;
    std::optional<Address> found;
    for (const auto* entry = list; entry; entry = entry->ifa_next) {
        if (!entry->ifa_addr || entry->ifa_addr->sa_family != AF_INET) continue;
        const auto* address = reinterpret_cast<const sockaddr_in*>(entry->ifa_addr);
        const auto value = Address::from_bytes({reinterpret_cast<const std::uint8_t*>(&address->sin_addr), 4});
        if (!value.is_loopback()) found = value;
    }
    ::freeifaddrs(list);
    return found;
}

bool send_one(EchoServer& server, TcpClient& client, const Message& message) {
    const auto bytes = framed(message);
    return server.until([&] { return client.send(bytes) == bytes.size(); });
}

}  // namespace

TEST_CASE("a client that trickles bytes is closed, whatever trickles") {
    EchoServer server({endpoint("127.0.0.1")}, quick());
    TcpClient client(server.at), other(server.at);
    const auto stream = framed(question(1, std::string(200, 'x')));
    std::size_t at = 0;
    const Now start = Loop::now();
    CHECK(server.until([&] {
        if (at < stream.size() / 2) at += client.send(Bytes(stream).subspan(at, 1));
        return client.is_closed();
    }));
    CHECK(Loop::now() - start >= milliseconds(290));
    CHECK(Loop::now() - start < milliseconds(900));
    CHECK(server.counters.tcp_closed_slow.get() == 1);
    CHECK(server.sizes.empty());
}

TEST_CASE("the clock of a message starts with its own first byte") {
    EchoServer server({endpoint("127.0.0.1")}, quick());
    TcpClient client(server.at);
    // A whole question and the first byte of the next, again and again: always within the bound.
    for (std::uint16_t i = 0; i < 8; ++i) {
        Message stream = framed(question(i));
        if (i > 0) stream.erase(stream.begin());
        stream.push_back(0);
        REQUIRE(server.until([&] { return client.send(stream) == stream.size(); }));
        server.for_a(milliseconds(120));
    }
    CHECK(client.has(8));
    CHECK_FALSE(client.is_closed());
}

TEST_CASE("an idle client is closed, one that asks stays") {
    EchoServer server({endpoint("127.0.0.1")}, quick());
    TcpClient idle(server.at), busy(server.at);
    std::uint16_t asked = 0;
    const Now end = Loop::now() + milliseconds(1200);
    Now closed_at{};
    while (Loop::now() < end) {
        REQUIRE(send_one(server, busy, question(asked++)));
        server.for_a(milliseconds(100));
        if (closed_at == Now{} && idle.is_closed()) closed_at = Loop::now();
    }
    CHECK(closed_at > end - milliseconds(700));
    CHECK_FALSE(busy.is_closed());
    CHECK(server.counters.tcp_closed_idle.get() == 1);
    CHECK(server.gone.size() == 1);
}

TEST_CASE("a client that is owed a reply is not idle, but not for ever") {
    auto limits = quick();
    limits.owed = milliseconds(1500);
    EchoServer server({endpoint("127.0.0.1")}, limits);
    TcpClient waiting(server.at), forgotten(server.at);
    REQUIRE(send_one(server, waiting, question(1, "L")));
    REQUIRE(send_one(server, forgotten, question(2, "L")));
    server.for_a(milliseconds(1100));
    CHECK_FALSE(waiting.is_closed());
    const auto held = server.later.at(0).first.peer == bound_to(waiting.socket.fd()) ? 0u : 1u;
    server.listener->send(server.later.at(held).first, EchoServer::echo(server.later[held].second));
    CHECK(server.until([&] { return waiting.has(1); }));
    CHECK(server.until([&] { return forgotten.is_closed(); }));
    CHECK(server.until([&] { return waiting.is_closed(); }));  // the idle clock has started with the reply
    CHECK(server.counters.tcp_closed_idle.get() == 2);
}

TEST_CASE("when there are too many the longest idle goes, never one that is owed a reply") {
    TcpLimits limits;
    limits.connections = 4;
    EchoServer server({endpoint("127.0.0.1")}, limits);
    std::vector<TcpClient> clients;
    for (std::uint16_t i = 0; i < 4; ++i) {
        clients.emplace_back(server.at);
        REQUIRE(send_one(server, clients.back(), question(i, i == 0 ? "L" : "")));
        REQUIRE(server.until([&] { return server.sizes.size() == i + 1u; }));
    }
    REQUIRE(send_one(server, clients[1], question(9)));  // now the third has been silent for longest
    REQUIRE(server.until([&] { return server.sizes.size() == 5; }));
    TcpClient fifth(server.at);
    REQUIRE(send_one(server, fifth, question(5)));
    CHECK(server.until([&] { return fifth.has(1); }));
    CHECK(clients[2].is_closed());
    for (const int i : {0, 1, 3}) CHECK_FALSE(clients[static_cast<std::size_t>(i)].is_closed());
    CHECK(server.counters.tcp_closed_pressure.get() == 1);
    CHECK(server.counters.tcp_open.get() == 4);
}

TEST_CASE("when everyone is owed a reply the newcomer is turned away") {
    TcpLimits limits;
    limits.connections = 2;
    EchoServer server({endpoint("127.0.0.1")}, limits);
    TcpClient first(server.at), second(server.at);
    REQUIRE(send_one(server, first, question(1, "L")));
    REQUIRE(send_one(server, second, question(2, "L")));
    REQUIRE(server.until([&] { return server.later.size() == 2; }));
    TcpClient third(server.at);
    CHECK(server.until([&] { return third.is_closed(); }));
    CHECK(server.counters.tcp_refused.get() == 1);
    CHECK(server.gone.empty());
}

TEST_CASE("under pressure the idle go sooner") {
    auto limits = quick();
    limits.connections = 4;
    limits.idle = milliseconds(60'000);
    EchoServer server({endpoint("127.0.0.1")}, limits);
    TcpClient first(server.at), second(server.at);
    server.for_a(milliseconds(600));
    CHECK_FALSE(first.is_closed());
    TcpClient third(server.at);
    CHECK(server.until([&] { return first.is_closed() && second.is_closed(); }));
}

TEST_CASE("one client beyond loopback has its own bound, loopback has none") {
    TcpLimits limits;
    limits.per_client = 2;
    EchoServer server({endpoint("0.0.0.0")}, limits);
    std::vector<TcpClient> local;
    for (int i = 0; i < 5; ++i) local.emplace_back(endpoint("127.0.0.1", server.at.port));
    REQUIRE(server.until([&] { return server.counters.tcp_open.get() == 5; }));
    const auto address = some_address_beyond_loopback();
    if (!address) {
        WARN("no address beyond loopback here");
        return;
    }
    std::vector<TcpClient> remote;
    for (int i = 0; i < 3; ++i) {
        remote.emplace_back(Endpoint{*address, server.at.port}, address->text());
        REQUIRE(server.until([&] { return server.counters.tcp_accepted.get() == 6u + static_cast<unsigned>(i); }));
    }
    CHECK(server.until([&] { return remote[0].is_closed(); }));
    CHECK_FALSE(remote[2].is_closed());
    CHECK(server.counters.tcp_open.get() == 7);
    for (auto& client : local) CHECK_FALSE(client.is_closed());
}

// While descriptors lack nothing is asserted: the sanitizer's own checks of a failing assertion need some.

TEST_CASE("without descriptors the longest idle client goes, UDP is answered and the process lives") {
    EchoServer server;
    UdpClient udp;
    std::vector<TcpClient> clients;
    for (int i = 0; i < 30; ++i) clients.emplace_back(open_socket(SOCK_STREAM, endpoint("127.0.0.1")));
    unsigned connected = 0, answered = 0;
    bool newest_lives = false;
    {
        const FewDescriptors few(5);
        for (auto& client : clients) {
            connected += client.connect(server.at) ? 1 : 0;
            udp.send(server.at, question(1));
            answered += server.until([&] { return udp.receive().has_value(); }) ? 1 : 0;
        }
        server.until([&] { return server.counters.tcp_accepted.get() == 30; });
        newest_lives = send_one(server, clients.back(), question(7)) && server.until([&] { return clients.back().has(1); });
    }
    CHECK(connected == 30);
    CHECK(answered == 30);
    CHECK(server.counters.tcp_accepted.get() == 30);
    CHECK(server.counters.tcp_open.get() == 5);
    CHECK(server.counters.tcp_closed_pressure.get() == 25);
    CHECK(newest_lives);
    CHECK(server.gone.size() == 25);
}

TEST_CASE("without descriptors and with nobody idle the newcomer is turned away at once") {
    EchoServer server;
    std::vector<TcpClient> clients;
    for (int i = 0; i < 6; ++i) clients.emplace_back(open_socket(SOCK_STREAM, endpoint("127.0.0.1")));
    unsigned closed = 0;
    {
        const FewDescriptors few(3);
        for (std::size_t i = 0; i < 3; ++i) {
            clients[i].connect(server.at);
            send_one(server, clients[i], question(1, "L"));
            server.until([&] { return server.later.size() == i + 1; });
        }
        for (std::size_t i = 3; i < 6; ++i) {
            clients[i].connect(server.at);
            closed += server.until([&] { return clients[i].is_closed(); }) ? 1 : 0;
        }
    }
    CHECK(server.later.size() == 3);
    CHECK(closed == 3);
    CHECK(server.counters.tcp_refused.get() == 3);
    for (std::size_t i = 0; i < 3; ++i) CHECK_FALSE(clients[i].is_closed());
}
