// Does the stats server handle ordinary, refused, slow, malformed and too many requests on real sockets without blocking its loop? The
// content of replies is tested without sockets.
#include <sys/stat.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "conf/options/options.hpp"
#include "tests/loop/stats_fixture.hpp"

using namespace lictor;
using namespace lictor::endpoint;
using namespace lictor::metrics;
using lictor::test::plain_request;
using lictor::test::StatsClient;
using lictor::test::StatsServerFixture;
using Json = nlohmann::json;

namespace {

/// A loop that waits for a client waits until the client is disconnected after 5 s. A busy machine delays it by much less.
constexpr milliseconds blocked{2500};

std::string socket_path() {
    static int count = 0;
    return "/tmp/lictor-stats-" + std::to_string(getpid()) + '-' + std::to_string(++count) + ".sock";
}

void check_useful(StatsServerFixture& fixture) {
    StatsClient client(fixture.address());
    CHECK(client.ask(plain_request("/health")).code == 200);
}

}  // namespace

TEST_CASE("stats server: documents have their headers, and one connection serves several requests") {
    StatsServerFixture fixture("127.0.0.1:0");
    StatsClient client(fixture.address());
    for (const char* path : {"/stats", "/leaders", "/services", "/health"}) {
        INFO(path);
        const auto reply = client.ask(plain_request(path));
        REQUIRE(reply.code == 200);
        CHECK(Json::accept(reply.body));
        CHECK(reply.header("Content-Type") == "application/json");
        CHECK(reply.header("Cache-Control") == "no-store");
        CHECK(reply.header("X-Content-Type-Options") == "nosniff");
        CHECK(reply.head.find("Access-Control") == std::string::npos);
    }
    CHECK(client.ask(plain_request("/ready")).code == 503);
    CHECK(client.ask(plain_request("/metrics")).body.find("lictor_queries_total{transport=\"udp\"} 42\n") != std::string::npos);
    CHECK(fixture.counters.stats_requests.get() == 6);
    CHECK(fixture.counters.stats_refused.get() == 0);
}

TEST_CASE("stats server: the page has a content security policy with a new nonce each time") {
    StatsServerFixture fixture("127.0.0.1:0");
    StatsClient client(fixture.address());
    const auto first = client.ask(plain_request("/")), second = client.ask(plain_request("/"));
    REQUIRE(first.code == 200);
    CHECK(first.header("Content-Type") == "text/html; charset=utf-8");
    const auto policy = first.header("Content-Security-Policy");
    const auto nonce = policy.substr(policy.find("'nonce-") + 7, 32);
    CHECK(nonce.find_first_not_of("0123456789abcdef") == std::string::npos);
    CHECK(first.body.find("<script nonce=\"" + nonce + "\">") != std::string::npos);
    CHECK(policy != second.header("Content-Security-Policy"));
}

TEST_CASE("stats server: HEAD has the headers of GET and no body") {
    StatsServerFixture fixture("127.0.0.1:0");
    StatsClient client(fixture.address());
    const auto get = client.ask(plain_request("/health"));
    const auto head = client.ask(plain_request("/health", "HEAD"));
    CHECK(head.code == 200);
    CHECK(head.header("Content-Length") == get.header("Content-Length"));
    CHECK(client.ask(plain_request("/health")).body == get.body);  // nothing is left between the two replies
}

TEST_CASE("stats server: refusals are counted") {
    StatsServerFixture fixture("127.0.0.1:0");
    const auto code = [&](const std::string& request) {
        StatsClient client(fixture.address());
        return client.ask(request).code;
    };
    CHECK(code(plain_request("/nothing")) == 404);
    CHECK(code(plain_request("/../../etc/passwd")) == 404);
    CHECK(code(plain_request("/%2e%2e/etc/passwd")) == 404);
    CHECK(code(plain_request("//")) == 404);
    CHECK(code(plain_request("/stats%00")) == 404);
    CHECK(code(plain_request("/stats", "GET", "", "evil.example")) == 403);
    CHECK(code(plain_request("/stats", "GET", "", "127.0.0.1.evil.example")) == 403);
    CHECK(code(plain_request("/stats", "GET", "Host: evil.example\r\n")) == 400);
    CHECK(code(plain_request("/stats", "GET", "host: evil.example\r\n")) == 400);
    CHECK(code("GET /stats HTTP/1.1\r\n\r\n") == 400);
    CHECK(code(plain_request("/stats", "DELETE")) == 405);
    CHECK(code(plain_request("/flush")) == 405);
    CHECK(fixture.counters.stats_refused.get() == 12);
    CHECK(fixture.counters.stats_requests.get() == 12);
    CHECK(code("GET /stats HTTP/1.0\r\n\r\n") == 200);
    CHECK(code(plain_request("/stats", "GET", "", "monitor.example")) == 200);
    CHECK(code(plain_request("/stats", "GET", "", "[::1]:9153")) == 200);
    CHECK(fixture.counters.stats_refused.get() == 12);
}

TEST_CASE("stats server: POST /flush needs `X-Lictor: 1`; it flushes one name, or everything without an argument") {
    StatsServerFixture fixture("127.0.0.1:0");
    StatsClient client(fixture.address());
    CHECK(client.ask(plain_request("/flush", "POST", "Content-Length: 0\r\n")).code == 403);
    CHECK(fixture.flushed().empty());
    const std::string header = "X-Lictor: 1\r\nContent-Length: 0\r\n";
    const auto reply = client.ask(plain_request("/flush", "POST", header));
    CHECK(reply.code == 200);
    CHECK(Json::parse(reply.body) == Json{{"flushed", "everything"}, {"removed", 1}});
    CHECK(client.ask(plain_request("/flush?name=WWW.example%2e", "POST", header)).code == 200);
    CHECK(client.ask(plain_request("/flush?name=a..b", "POST", header)).code == 400);
    CHECK(client.ask(plain_request("/flush?name=", "POST", header)).code == 400);
    CHECK(client.ask(plain_request("/flush?name", "POST", header)).code == 400);
    CHECK(client.ask(plain_request("/flush?other=1", "POST", header)).code == 400);
    CHECK(fixture.flushed() == std::vector<std::string>{"*", "www.example"});
}

TEST_CASE("stats server: requests whose replies come later do not hinder others, and the end of the server ends them") {
    auto fixture = std::make_unique<StatsServerFixture>("127.0.0.1:0");
    StatsClient never(fixture->address()), other(fixture->address()), gone_again(fixture->address());
    REQUIRE(never.send(plain_request("/explain?name=never.example")));
    REQUIRE(gone_again.send(plain_request("/explain?name=gone.example")));
    for (int i = 0; i < 3; ++i) {
        const auto reply = other.ask(plain_request("/explain?name=later.example&type=TXT"));
        CHECK(reply.code == 200);
        CHECK(Json::parse(reply.body) == Json{{"name", "later.example"}, {"type", "16"}});
        CHECK(other.ask(plain_request("/health")).code == 200);
    }
    CHECK(fixture->longest_gap() < blocked);
    fixture.reset();
    const auto ended = never.receive();
    CHECK((ended.code == 503 || ended.code == 0));
    CHECK(never.closed_after_ms(2000) >= 0);
}

TEST_CASE("stats server: a body is refused, by Content-Length or chunked") {
    StatsServerFixture fixture("127.0.0.1:0");
    for (const char* headers : {"Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n", "Content-Length: 4294967296\r\n"})
        for (const char* method : {"POST", "GET"}) {
            INFO(method << ' ' << headers);
            StatsClient client(fixture.address());
            const auto reply = client.ask(
                plain_request(std::string(method) == "POST" ? "/flush" : "/stats", method, std::string("X-Lictor: 1\r\n") + headers));
            CHECK((reply.code == 413 || reply.code == 400));
        }
    CHECK(fixture.flushed().empty());
    check_useful(fixture);
}

TEST_CASE("stats server: a request that arrives byte by byte and two requests in one piece are answered") {
    StatsServerFixture fixture("127.0.0.1:0");
    StatsClient slow(fixture.address());
    const auto request = plain_request("/health");
    for (const char& byte : request) {
        REQUIRE(slow.send({&byte, 1}));
        if (&byte - request.data() == 20) std::this_thread::sleep_for(milliseconds(30));
    }
    CHECK(slow.receive().code == 200);
    StatsClient two(fixture.address());
    two.send(plain_request("/health") + plain_request("/leaders"));
    CHECK(two.receive().body.find("healthy") != std::string::npos);
    CHECK(two.receive().body.find("leaders") != std::string::npos);
}

TEST_CASE("stats server: too many headers, long lines and garbage get an error or a close") {
    StatsServerFixture fixture("127.0.0.1:0");
    std::string many;
    for (int i = 0; i < 100'000; ++i) many += "X-" + std::to_string(i) + ": y\r\n";
    const std::string garbage("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11);
    for (const std::string& request :
         {plain_request("/stats", "GET", many), plain_request("/" + std::string(65536, 'a')),
          plain_request("/stats?" + std::string(65536, '&')), plain_request("/stats", "GET", "X: " + std::string(65536, 'x') + "\r\n"),
          std::string(100'000, '\n'), std::string(100'000, '\0'), garbage + "\r\n\r\n"}) {
        INFO(request.substr(0, 30) << " of " << request.size());
        StatsClient client(fixture.address());
        client.send(request);
        const auto reply = client.receive(false, 1000);
        CHECK((reply.code == 0 || (reply.code >= 400 && reply.code < 500)));
        check_useful(fixture);
    }
    CHECK(fixture.counters.stats_refused.get() >= 2);  // those whose first line was read
    CHECK(fixture.longest_gap() < blocked);
}

TEST_CASE("stats server: an endless request is closed, even if bytes keep coming") {
    StatsServerFixture fixture("127.0.0.1:0");
    StatsClient silent(fixture.address()), trickling(fixture.address());
    silent.send("GET /stats HTT");
    trickling.send("GET /stats HTTP/1.1\r\nHost: 127.0.0.1\r\n");
    const auto begin = std::chrono::steady_clock::now();
    while (trickling.send("X-Slow: 1\r\n") && std::chrono::steady_clock::now() - begin < seconds(8))
        std::this_thread::sleep_for(milliseconds(200));
    const auto took = std::chrono::steady_clock::now() - begin;
    CHECK(took > seconds(4));
    CHECK(took < seconds(7));
    CHECK(silent.closed_after_ms(1500) >= 0);
    check_useful(fixture);
}

TEST_CASE("stats server: at the bound the oldest unfinished request is closed") {
    StatsServerFixture fixture("127.0.0.1:0");
    std::vector<std::unique_ptr<StatsClient>> unfinished;
    for (int i = 0; i < 100; ++i) {
        unfinished.push_back(std::make_unique<StatsClient>(fixture.address()));
        unfinished.back()->send("GET /stats HTTP/1.1\r\nX-Slow: ");
    }
    for (int i = 0; i < 20; ++i) check_useful(fixture);
    CHECK(unfinished.front()->closed_after_ms(500) >= 0);
    CHECK(unfinished.back()->closed_after_ms(50) == -1);
    CHECK(fixture.counters.stats_refused.get() >= 68);
    CHECK(fixture.longest_gap() < blocked);
}

TEST_CASE("stats server: clients that do not read block neither the loop nor other clients") {
    StatsServerFixture fixture("127.0.0.1:0");
    std::vector<std::unique_ptr<StatsClient>> not_reading;
    for (int i = 0; i < 8; ++i) {
        not_reading.push_back(std::make_unique<StatsClient>(fixture.address()));
        std::string requests;
        for (int k = 0; k < 500; ++k) requests += plain_request("/metrics");
        std::thread([client = not_reading.back().get(), requests] { client->send(requests.substr(0, 16384)); }).join();
    }
    for (int i = 0; i < 20; ++i) check_useful(fixture);
    CHECK(fixture.longest_gap() < blocked);
    CHECK(not_reading.front()->closed_after_ms(9000) >= 0);
}

TEST_CASE("stats server: a unix socket has mode 0660 and accepts any Host; a stale one is replaced, a served one is not") {
    const auto path = socket_path();
    {
        StatsServerFixture fixture("unix://" + path);
        CHECK(fixture.address() == path);
        struct stat file {};
        REQUIRE(::stat(path.c_str(), &file) == 0);
        CHECK((file.st_mode & 0777) == 0660);
        StatsClient client(path);
        CHECK(client.ask(plain_request("/stats", "GET", "", "whatever.example")).code == 200);
        CHECK(client.ask(plain_request("/flush", "POST", "Content-Length: 0\r\n", "x")).code == 403);
        ControlCounters counters;
        const auto second = StatsServer::open("unix://" + path, {}, counters);
        REQUIRE_FALSE(second);
        CHECK(second.error().text.find("another process serves this socket") != std::string::npos);
        check_useful(fixture);
    }
    CHECK(::access(path.c_str(), F_OK) != 0);
    {  // The socket of a killed process.
        const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
        sockaddr_un at{};
        at.sun_family = AF_UNIX;
        std::strcpy(at.sun_path, path.c_str());
        REQUIRE(::bind(fd, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0);
        ::close(fd);
        StatsServerFixture fixture("unix://" + path);
        check_useful(fixture);
    }
    std::FILE* file = std::fopen(path.c_str(), "w");
    std::fclose(file);
    ControlCounters counters;
    CHECK_FALSE(StatsServer::open("unix://" + path, {}, counters));
    CHECK(::access(path.c_str(), F_OK) == 0);  // an ordinary file is never removed
    ::unlink(path.c_str());
}

TEST_CASE("stats server: addresses that cannot be bound are errors with a remedy") {
    ControlCounters counters;
    StatsServerFixture fixture("127.0.0.1:0");
    const auto taken = StatsServer::open(fixture.address(), {}, counters);
    REQUIRE_FALSE(taken);
    CHECK(taken.error().text.find("choose another port") != std::string::npos);
    for (const std::string& address : {std::string("nonsense"), std::string("127.0.0.1:x"), std::string("::1:80"),
                                       std::string("unix://relative"), "unix:///" + std::string(200, 'a')}) {
        INFO(address);
        CHECK_FALSE(StatsServer::open(address, {}, counters));
    }
}

TEST_CASE("stats server: documents with hostile names are valid JSON") {
    StatsServerFixture fixture("127.0.0.1:0", {}, test::hostile_text());
    StatsClient client(fixture.address());
    for (const char* path : {"/stats", "/leaders", "/services"}) CHECK(Json::accept(client.ask(plain_request(path)).body));
}

TEST_CASE("stats server: it can be destroyed with clients in any state, and before it is started") {
    {
        ControlCounters counters;
        const auto opened = StatsServer::open("127.0.0.1:0", {}, counters);
        REQUIRE(opened);
    }
    std::unique_ptr<StatsClient> idle, begun;
    {
        StatsServerFixture fixture("127.0.0.1:0");
        idle = std::make_unique<StatsClient>(fixture.address());
        begun = std::make_unique<StatsClient>(fixture.address());
        begun->send("GET /stats HTTP/1.1\r\n");
        check_useful(fixture);
    }
    CHECK(idle->closed_after_ms(1000) >= 0);
    CHECK(begun->closed_after_ms(1000) >= 0);
}

TEST_CASE("stats server: an address that this machine does not have is bound for later") {
    ControlCounters counters;
    for (const char* address : {"192.0.2.1:19153", "[2001:db8::1]:19153"}) {
        const auto server = StatsServer::open(address, {}, counters);
        REQUIRE(server);
        CHECK((*server)->address_absent());
        CHECK_FALSE(StatsServer::open(address, {}, counters));
    }
    const auto present = StatsServer::open("127.0.0.1:0", {}, counters);
    REQUIRE(present);
    CHECK_FALSE((*present)->address_absent());
}
