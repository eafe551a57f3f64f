// Does the HTTP client handle ordinary and malformed replies, time-outs, tokens and several addresses?
#include <atomic>
#include <catch2/catch.hpp>

#include <sys/stat.h>

#include <fstream>
#include <memory>

#include "conf/metrics/metrics.hpp"
#include "tests/loop/loop_fixture.hpp"
#include "tests/loop/watch_fake.hpp"
#include "watch/http/http.hpp"
#include "watch/http/kept_files.hpp"
#include "watch/http/token.hpp"
#include "watch/polling/http_target.hpp"

using namespace lictor;
using namespace lictor::conf;
using namespace lictor::http;
using namespace lictor::loop;
using namespace lictor::metrics;
using namespace lictor::polling;
using namespace std::chrono_literals;

namespace {

struct Client : LoopFixture {
    ControlCounters counters;
    std::unique_ptr<Http> http;
    std::vector<HttpReply> replies;

    explicit Client(const Options& options, Http::Resolve resolve = {})
        : http(std::make_unique<Http>(loop, options, counters, std::move(resolve))) {}
    Http::Ticket ask(std::string path = "/v1/x", milliseconds timeout = 5s) {
        return http->get(std::move(path), timeout, [this](HttpReply reply) { replies.push_back(std::move(reply)); });
    }
    HttpReply get(std::string path = "/v1/x", milliseconds timeout = 5s, milliseconds within = 10s) {
        replies.clear();
        ask(std::move(path), timeout);
        REQUIRE(until([this] { return !replies.empty(); }, within));
        return replies.front();
    }
};

}  // namespace

TEST_CASE("http: a reply has the metadata of its headers", "[http]") {
    fake::Consul consul;
    consul.set("/v1/x", {.status = 200,
                         .index = 42,
                         .body = "[1]",
                         .headers = "X-Consul-Knownleader: false\r\nx-consul-RESULTS-Filtered-By-ACLs: true\r\n"
                                    "Retry-After: 3\r\nX-Consul-Query-Backend: streaming\r\n"});
    Client client(consul_options(consul.url()));
    const auto reply = client.get("/v1/x?stale");
    CHECK(reply.status == 200);
    CHECK(reply.body == "[1]");
    CHECK(reply.has_index);
    CHECK(reply.index == 42);
    CHECK_FALSE(reply.known_leader);
    CHECK(reply.filtered_by_acl);
    CHECK(reply.streaming);
    CHECK(reply.retry_after == 3s);
    const auto sent = consul.requests().front();
    CHECK(sent.target == "/v1/x?stale");
    CHECK(sent.headers.count("accept-encoding") == 0);
    CHECK(sent.headers.count("x-consul-token") == 0);
}

TEST_CASE("http: connections are kept and used again", "[http]") {
    fake::Consul consul;
    consul.set("/v1/x", {.index = 1, .body = "[]"});
    Client client(consul_options(consul.url()));
    for (int i = 0; i < 5; ++i) CHECK(client.get().status == 200);
    CHECK(consul.connections() == 1);
    // Twenty exchanges at once need twenty connections; the next round needs no more.
    for (int round = 0; round < 3; ++round) {
        client.replies.clear();
        for (int i = 0; i < 20; ++i) client.ask();
        REQUIRE(client.until([&] { return client.replies.size() == 20; }));
    }
    CHECK(consul.connections() <= 21);
}

TEST_CASE("http: done is never called from inside get, nor after cancel", "[http]") {
    fake::Consul consul;
    consul.set("/v1/x", {.index = 1, .body = "[]"});
    consul.handle("/v1/hang", [&](const fake::Request&, const fake::Consul::Connection& connection) {
        while (!connection.gone() && !consul.stopping()) std::this_thread::sleep_for(5ms);
    });
    Client client(consul_options(consul.url()));
    client.ask();
    CHECK(client.replies.empty());
    REQUIRE(client.until([&] { return client.replies.size() == 1; }));
    const auto ticket = client.ask("/v1/hang");
    REQUIRE(client.until([&] { return consul.count("/v1/hang") == 1; }));
    client.http->cancel(ticket);
    client.run_for(100ms);
    CHECK(client.replies.size() == 1);
    client.http->cancel(ticket);  // twice: no effect
    CHECK(client.get().status == 200);
}

TEST_CASE("http: the client may be destroyed during exchanges", "[http]") {
    fake::Consul consul;
    consul.handle("/v1/x", [&](const fake::Request&, const fake::Consul::Connection& connection) {
        connection.send(fake::bytes_of({.index = 1, .body = "[]"}));
    });
    Client client(consul_options(consul.url()));
    for (int i = 0; i < 10; ++i) client.ask();
    SECTION("at once") { client.http.reset(); }
    SECTION("after a turn") {
        client.run_for(1ms);
        client.http.reset();
    }
    SECTION("from inside a reply") {
        client.http->get("/v1/x", 5s, [&](const HttpReply&) { client.http.reset(); });
        REQUIRE(client.until([&] { return client.http == nullptr; }));
    }
    client.run_for(20ms);
}

TEST_CASE("http: a refused connection is reported at once as unreachable", "[http]") {
    std::uint16_t port = 0;
    { port = fake::Consul().port(); }
    Client client(consul_options("http://127.0.0.1:" + std::to_string(port)));
    const auto before = Loop::now();
    const auto reply = client.get();
    CHECK(reply.status == 0);
    CHECK(reply.unreachable);
    CHECK_FALSE(reply.error.empty());
    CHECK(Loop::now() - before < 500ms);
    CHECK(client.counters.consul_errors.get() == 1);
}

TEST_CASE("http: a truncated reply is an error, wherever it is cut", "[http]") {
    const std::string body(2000, 'x');
    const bool chunked = GENERATE(false, true);
    const auto whole = fake::bytes_of({.index = 9, .body = body}, chunked);
    std::atomic<std::size_t> cut = 0;
    fake::Consul consul;
    consul.handle("/v1/x", [&](const fake::Request&, const fake::Consul::Connection& connection) {
        connection.send(whole.substr(0, cut));
        if (cut < whole.size()) connection.cut();
    });
    Client client(consul_options(consul.url()));
    for (cut = 0; cut < whole.size(); cut += whole.size() / 20) {
        INFO("cut at " << cut.load() << " of " << whole.size());
        const auto reply = client.get();
        CHECK(reply.status == 0);
        CHECK(reply.body.empty());
        CHECK_FALSE(reply.has_index);
    }
    cut = whole.size();
    const auto reply = client.get();
    CHECK(reply.status == 200);
    CHECK(reply.body == body);
}

TEST_CASE("http: a body or header that is too large is refused", "[http]") {
    fake::Consul consul;
    consul.handle("/v1/body", [&](const fake::Request&, const fake::Consul::Connection& connection) {
        connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        const std::string chunk = "100000\r\n" + std::string(0x100000, ' ') + "\r\n";
        while (!consul.stopping() && connection.send(chunk)) {
        }
    });
    consul.handle("/v1/header", [&](const fake::Request&, const fake::Consul::Connection& connection) {
        connection.send("HTTP/1.1 200 OK\r\n");
        const std::string header = "X-A: " + std::string(1000, 'a') + "\r\n";
        while (!consul.stopping() && connection.send(header)) {
        }
    });
    Client client(consul_options(consul.url()));
    const auto body = client.get("/v1/body", 20s, 20s);
    CHECK(body.status == 0);
    CHECK(body.error == "reply is too large");
    const auto header = client.get("/v1/header");
    CHECK(header.status == 0);
    CHECK(header.error == "reply's header is larger than 64 KiB");
}

TEST_CASE("http: an exchange that is too slow is ended, others continue", "[http]") {
    fake::Consul consul;
    consul.set("/v1/x", {.index = 1, .body = "[]"});
    consul.handle("/v1/slow", [&](const fake::Request&, const fake::Consul::Connection& connection) {
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
        while (!consul.stopping() && connection.send(".")) std::this_thread::sleep_for(100ms);
    });
    Client client(consul_options(consul.url()));
    const auto before = Loop::now();
    std::optional<HttpReply> slow;
    client.http->get("/v1/slow", 60s, [&](HttpReply reply) { slow = std::move(reply); });
    CHECK(client.get().status == 200);
    REQUIRE(client.until([&] { return slow.has_value(); }, 9s));
    CHECK(slow->status == 0);
    CHECK(slow->error == "reply came too slowly");
    CHECK(Loop::now() - before >= 5s);
}

TEST_CASE("http: redirects are not followed", "[http]") {
    fake::Consul consul, other;
    consul.set("/v1/x", {.status = 302, .body = "", .headers = "Location: " + other.url() + "/v1/x\r\n"});
    Client client(consul_options(consul.url()));
    CHECK(client.get().status == 302);
    CHECK(other.connections() == 0);
}

TEST_CASE("http: proxies of the environment are ignored", "[http]") {
    fake::Consul consul, proxy;
    consul.set("/v1/x", {.index = 1, .body = "[]"});
    ::setenv("http_proxy", proxy.url().c_str(), 1);
    ::setenv("all_proxy", proxy.url().c_str(), 1);
    Client client(consul_options(consul.url()));
    CHECK(client.get().status == 200);
    CHECK(proxy.connections() == 0);
    ::unsetenv("http_proxy");
    ::unsetenv("all_proxy");
}

TEST_CASE("http: an exchange ends with its time-out", "[http]") {
    fake::Consul consul;
    consul.handle("/v1/x", [&](const fake::Request&, const fake::Consul::Connection& connection) {
        while (!connection.gone() && !consul.stopping()) std::this_thread::sleep_for(5ms);
    });
    Client client(consul_options(consul.url()));
    const auto before = Loop::now();
    const auto reply = client.get("/v1/x", 300ms);
    CHECK(reply.status == 0);
    CHECK_FALSE(reply.unreachable);
    CHECK(Loop::now() - before >= 290ms);
    CHECK(Loop::now() - before < 1s);
}

TEST_CASE("http: requests over a unix socket and with a path prefix", "[http]") {
    const std::string path = "/tmp/lictor-test-" + std::to_string(::getpid()) + ".sock";
    fake::Consul over_unix(0, path);
    over_unix.set("/v1/x", {.index = 3, .body = "[]"});
    Options options;
    options.consul_http_addr = {{"http://localhost", path}};
    Client client(options);
    CHECK(client.get().index == 3);
    CHECK(client.http->current() == "unix://" + path);
    ::unlink(path.c_str());

    fake::Consul consul;
    consul.set("/consul/api/v1/x", {.index = 4, .body = "[]"});
    Client prefixed(consul_options(consul.url() + "/consul/api"));
    CHECK(prefixed.get().index == 4);
}

TEST_CASE("http: the token is sent in the header, and a changed file is read again", "[http]") {
    fake::Consul consul;
    consul.set("/v1/x", {.index = 1, .body = "[]"});
    auto options = consul_options(consul.url());
    options.consul_token = " from-environment\n";
    options.consul_http_auth = "user:secret";
    const auto token = [&] { return consul.requests().back().headers["x-consul-token"]; };
    {
        Client client(options);
        client.get();
        CHECK(token() == "from-environment");
        CHECK(consul.requests().back().headers["authorization"] == "Basic " + test::encode_base64("user:secret"));
    }
    const std::string file = "/tmp/lictor-test-token-" + std::to_string(::getpid());
    std::ofstream(file) << "one\n";
    options.consul_token_file = file;
    Client client(options);
    client.get();
    CHECK(token() == "one");
    std::ofstream(file) << "two-is-longer\n";
    client.get();
    CHECK(token() == "one");  // not read again for ten seconds
    consul.set("/v1/x", {.status = 403, .body = "ACL not found"});
    client.get();
    consul.set("/v1/x", {.index = 1, .body = "[]"});
    client.run_for(1100ms);  // after a refusal it may be read again a second later
    client.get();
    CHECK(token() == "two-is-longer");
    std::ofstream(file) << "forged\r\nX-Evil: 1\n";
    consul.set("/v1/x", {.status = 403, .body = "ACL not found"});
    client.get();
    client.run_for(1100ms);
    client.get();
    CHECK(token() == "two-is-longer");
    CHECK(consul.requests().back().headers.count("x-evil") == 0);
    ::unlink(file.c_str());
}

TEST_CASE("http: the next address is used if one fails, and the first again once it works", "[http]") {
    fake::Consul first, second;
    Options options;
    options.consul_http_addr = {{first.url(), {}}, {second.url(), {}}};
    first.set("/v1/x", {.index = 1, .body = "[1]"});
    second.set("/v1/x", {.index = 1, .body = "[2]"});
    Client client(options);
    CHECK(client.get().body == "[1]");
    SECTION("refused") {
        first.stop();
        CHECK(client.get().status == 0);
    }
    SECTION("the agent replies 500") {
        first.set("/v1/x", {.status = 500, .index = 1, .body = "rpc error"});
        CHECK(client.get().status == 500);
    }
    SECTION("the agent replies 429") {
        first.set("/v1/x", {.status = 429, .body = ""});
        CHECK(client.get().status == 429);
    }
    const auto reply = client.get();
    CHECK(reply.body == "[2]");
    CHECK(reply.address == 1);
    CHECK(client.http->current() == second.url());
    CHECK(client.counters.consul_failovers.get() == 1);
}

TEST_CASE("http: an unknown datacenter does not change the address", "[http]") {
    fake::Consul first, second;
    Options options;
    options.consul_http_addr = {{first.url(), {}}, {second.url(), {}}};
    first.set("/v1/x", {.status = 500, .index = 1, .body = "No path to datacenter"});
    Client client(options);
    CHECK(client.get().status == 500);
    CHECK(client.http->current() == first.url());
}

TEST_CASE("http: the first address is probed and used again", "[http][slow]") {
    fake::Consul first, second;
    Options options;
    options.consul_http_addr = {{first.url(), {}}, {second.url(), {}}};
    second.set("/v1/x", {.index = 1, .body = "[2]"});
    first.stop();
    Client client(options);
    client.get();
    CHECK(client.get().body == "[2]");
    first.start_again();
    first.set("/v1/status/leader", {.body = "\"10.0.0.1:8300\""});
    CHECK(client.until([&] { return client.http->current() == first.url(); }, 12s));
}

TEST_CASE("http: a host name is resolved by the given resolver only", "[http]") {
    fake::Consul consul;
    consul.set("/v1/x", {.index = 1, .body = "[]"});
    int asked = 0;
    std::function<void(std::vector<Address>)> later;
    const auto url = "http://agent.example:" + std::to_string(consul.port());
    SECTION("at once") {
        Client client(consul_options(url), [&](const std::string& host, auto found) {
            ++asked;
            CHECK(host == "agent.example");
            found({Address::v4(127, 0, 0, 1)});
        });
        CHECK(client.get().status == 200);
        CHECK(client.get().status == 200);
        CHECK(asked == 1);
        CHECK(consul.requests().front().headers["host"] == "agent.example:" + std::to_string(consul.port()));
    }
    SECTION("later, for all exchanges") {
        Client client(consul_options(url), [&](const std::string&, auto found) {
            ++asked;
            later = found;
        });
        client.ask();
        client.ask();
        client.run_for(20ms);
        CHECK(client.replies.empty());
        later({Address::v4(127, 0, 0, 1)});
        REQUIRE(client.until([&] { return client.replies.size() == 2; }));
        CHECK(client.replies.back().status == 200);
        CHECK(asked == 1);
    }
    SECTION("no address") {
        Client client(consul_options(url), [](const std::string&, auto found) { found({}); });
        const auto reply = client.get();
        CHECK(reply.status == 0);
        CHECK(reply.unreachable);
    }
    SECTION("no reply") {
        Client client(consul_options(url), [](const std::string&, const auto&) {});
        CHECK(client.get("/v1/x", 300ms, 2s).status == 0);
    }
    SECTION("a reply after the client was destroyed") {
        {
            Client client(consul_options(url), [&](const std::string&, auto found) { later = found; });
            client.ask();
        }
        later({Address::v4(127, 0, 0, 1)});
    }
}

TEST_CASE("http: new addresses are adopted during exchanges", "[http]") {
    fake::Consul first, second;
    first.handle("/v1/hang", [&](const fake::Request&, const fake::Consul::Connection& connection) {
        std::this_thread::sleep_for(100ms);
        connection.send(fake::bytes_of({.index = 1, .body = "[old]"}));
    });
    second.set("/v1/x", {.index = 1, .body = "[2]"});
    Client client(consul_options(first.url()));
    client.ask("/v1/hang");
    REQUIRE(client.until([&] { return first.count() == 1; }));
    client.http->adopt(consul_options(second.url()));
    REQUIRE(client.until([&] { return client.replies.size() == 1; }));
    CHECK(client.replies.front().body == "[old]");
    CHECK(client.get().body == "[2]");
    client.http->adopt(Options{});
    CHECK(client.get().status == 0);
}

TEST_CASE("http: addresses are parsed", "[http]") {
    const auto plain = HttpTarget::from({"http://10.0.0.1:8500/a/b", {}}, {});
    CHECK(plain.url == "http://10.0.0.1:8500/a/b");
    CHECK(plain.literal);
    CHECK(plain.resolve_entry().empty());
    const auto six = HttpTarget::from({"http://[fd00::1]:8500", {}}, {});
    CHECK(six.url == "http://[fd00::1]:8500");
    CHECK(six.literal);
    const auto name = HttpTarget::from({"https://agent.example", {}}, {});
    CHECK(name.port == 443);
    CHECK_FALSE(name.literal);
    const auto tls = HttpTarget::from({"https://10.0.0.1:8501", {}}, "server.dc1.consul");
    CHECK(tls.url == "https://server.dc1.consul:8501");
    CHECK(tls.resolve_entry().empty());
    CHECK(tls.connect_entry() == "::10.0.0.1:8501");
    CHECK(HttpTarget::from({"https://[fd00::1]:8501", {}}, "server.dc1.consul").connect_entry() == "::[fd00::1]:8501");
    auto named = HttpTarget::from({"https://agent.example", {}}, "server.dc1.consul");
    named.found = {Address::v4(10, 0, 0, 1), *Address::parse("fd00::1")};
    CHECK(named.resolve_entry() == "agent.example:443:10.0.0.1,[fd00::1]");
    CHECK(named.connect_entry() == "::agent.example:443");
    const auto local = HttpTarget::from({"http://localhost:8500", {}}, {});
    CHECK(local.resolve_entry() == "localhost:8500:127.0.0.1,[::1]");
    CHECK(local.connect_entry().empty());
    CHECK(url_encode("a b/\xc3\xa9~") == "a%20b%2F%C3%A9~");
}

TEST_CASE("http: a token file that only root may read is kept as it was at the start", "[http]") {
    if (::geteuid() != 0) {
        WARN("needs root");
        return;
    }
    char folder[] = "/tmp/lictor-test-kept-XXXXXX";
    REQUIRE(::mkdtemp(folder) != nullptr);
    REQUIRE(::chmod(folder, 0755) == 0);
    Options options;
    options.consul_token_file = std::string(folder) + "/token";
    options.consul_key_file = std::string(folder) + "/key";
    const auto& token_file = options.consul_token_file;
    for (const auto& file : {token_file, options.consul_key_file}) {
        std::ofstream(file) << "first\n";
        REQUIRE(::chmod(file.c_str(), 0600) == 0);
    }
    const auto read = read_files(options);
    CHECK(read->size() == 2);
    CHECK(keep_unreadable(read)->empty());
    const auto as_user = [](auto action) {
        REQUIRE(::seteuid(65'534) == 0);
        action();
        REQUIRE(::seteuid(0) == 0);
    };
    KeptFiles kept;
    as_user([&] { kept = keep_unreadable(read); });
    REQUIRE(kept->size() == 2);
    HttpToken token(options, kept), without(options);
    as_user([&] {
        CHECK(token.refresh(100s));
        CHECK(token.text() == "first");
        CHECK_FALSE(without.refresh(100s));
        CHECK(without.text().empty());
        CHECK(kept_file(kept, options.consul_key_file)->text == "first\n");
    });
    std::ofstream(token_file) << "second-is-longer\n";
    as_user([&] {
        CHECK_FALSE(token.refresh(200s));
        CHECK(token.text() == "first");
    });
    // The user may read it now: the file itself counts again.
    REQUIRE(::chmod(token_file.c_str(), 0644) == 0);
    as_user([&] {
        CHECK(token.refresh(300s));
        CHECK(token.text() == "second-is-longer");
    });
    const auto text = unreadable("consul-key-file", options.consul_key_file, EACCES, true);
    CHECK(text.find("cannot be read by user root: Permission denied; the content that was read at the start stays in use") !=
          std::string::npos);
    for (const auto& file : {token_file, options.consul_key_file}) ::unlink(file.c_str());
    ::rmdir(folder);
}
