// Does the Watcher work with a real Consul agent? LICTOR_CONSUL is the path of the binary; without it the tests are skipped.
#include <catch2/catch.hpp>

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "tests/loop/watcher_fixture.hpp"
#include "watch/http/http.hpp"

using namespace lictor;
using namespace lictor::catalog;
using namespace lictor::conf;
using namespace lictor::loop;
using namespace std::chrono_literals;

namespace {

/// A free port of the loopback address; the kernel does not give it to another program for a while.
int free_port() {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ::bind(fd, reinterpret_cast<sockaddr*>(&address), size);
    ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
    ::close(fd);
    return ntohs(address.sin_port);
}

struct RealConsul {
    int port = free_port();
    pid_t pid = -1;

    explicit RealConsul(const char* binary) {
        std::string config = "ports { http = " + std::to_string(port) + " dns = -1 grpc = -1 server = " + std::to_string(free_port()) +
                             " serf_lan = " + std::to_string(free_port()) + " serf_wan = -1 } node_name = \"one\"";
        const std::string file = "/tmp/lictor-test-consul-" + std::to_string(::getpid()) + ".hcl";
        FILE* out = std::fopen(file.c_str(), "w");
        std::fputs(config.c_str(), out);
        std::fclose(out);
        pid = ::fork();
        if (pid == 0) {
            const int null = ::open("/dev/null", O_WRONLY);
            ::dup2(null, 1);
            ::dup2(null, 2);
            const std::string argument = "-config-file=" + file;
            ::execl(binary, "consul", "agent", "-dev", "-bind=127.0.0.1", argument.c_str(), static_cast<char*>(nullptr));
            ::_exit(127);
        }
    }
    ~RealConsul() {
        ::kill(pid, SIGKILL);
        ::waitpid(pid, nullptr, 0);
    }
    std::string url() const { return "http://127.0.0.1:" + std::to_string(port); }
    /// Sends a PUT; returns the body of the reply.
    std::string put(const std::string& path, const std::string& body = {}) const {
        const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(static_cast<std::uint16_t>(port));
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        std::string reply;
        if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) {
            const std::string request = "PUT " + path + " HTTP/1.0\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
            if (::send(fd, request.data(), request.size(), MSG_NOSIGNAL) > 0) {
                char piece[4096];
                for (ssize_t got; (got = ::recv(fd, piece, sizeof piece, 0)) > 0;) reply.append(piece, static_cast<std::size_t>(got));
            }
        }
        ::close(fd);
        const auto end = reply.find("\r\n\r\n");
        return end == std::string::npos ? std::string() : reply.substr(end + 4);
    }
    std::string session() const {
        const auto reply = put("/v1/session/create", R"({"LockDelay":"0s"})");
        const auto at = reply.find("\"ID\": \"") != std::string::npos ? reply.find("\"ID\": \"") + 7 : reply.find("\"ID\":\"") + 6;
        return reply.substr(at, 36);
    }
};

}  // namespace

TEST_CASE("a real Consul: services and a leader are followed, also after an outage", "[consul]") {
    const char* binary = std::getenv("LICTOR_CONSUL");
    if (!binary || !*binary) {
        WARN("skipped: LICTOR_CONSUL is not a consul binary");
        return;
    }
    auto consul = std::make_unique<RealConsul>(binary);
    WatcherFixture fixture;
    fixture.options = consul_options(consul->url());
    LeaderRule rule;
    rule.scope = "pg";
    fixture.options.leader = {rule};
    fixture.start();
    // The agent is still starting: the first reads fail and are repeated.
    REQUIRE(fixture.until([&] { return fixture.leader("pg")->state == LeaderState::vacant && !fixture.last_catalog().contact_lost; }, 20s));
    fixture.request("web");
    REQUIRE(fixture.known("web", 0, 5s));
    fixture.run_for(50ms);
    auto at = Loop::now();
    consul->put("/v1/agent/service/register", R"({"Name":"web","ID":"w1","Port":80,"Address":"10.0.0.1","Tags":["a"]})");
    REQUIRE(fixture.known("web", 1));
    CHECK(Loop::now() - at < 100ms);
    at = Loop::now();
    consul->put("/v1/agent/service/deregister/w1");
    REQUIRE(fixture.known("web", 0));
    CHECK(Loop::now() - at < 100ms);

    const std::string one = consul->session(), two = consul->session();
    REQUIRE(one.size() == 36);
    const auto member = [&](const char* name, const char* host, const char* role) {
        consul->put(std::string("/v1/kv/service/pg/members/") + name, fake::member(host, role));
    };
    member("m1", "10.0.0.1", "master");
    member("m2", "10.0.0.2", "replica");
    consul->put("/v1/kv/service/pg/leader?acquire=" + one, "m1");
    REQUIRE(fixture.until([&] { return fixture.leader("pg")->state == LeaderState::led; }));
    CHECK(fixture.leader("pg")->host.text == "10.0.0.1");
    CHECK(fixture.leader("pg")->lock_index > 0);
    std::vector<microseconds> took;
    for (int move = 0; move < 20; ++move) {
        const bool second = move % 2 == 0;
        member(second ? "m1" : "m2", second ? "10.0.0.1" : "10.0.0.2", "demoted");
        consul->put("/v1/kv/service/pg/leader?release=" + (second ? one : two), "");
        consul->put("/v1/kv/service/pg/leader?acquire=" + (second ? two : one), second ? "m2" : "m1");
        fixture.run_for(20ms);
        CHECK(fixture.leader("pg")->state == LeaderState::vacant);
        at = Loop::now();
        member(second ? "m2" : "m1", second ? "10.0.0.2" : "10.0.0.1", "master");
        REQUIRE(fixture.until([&] { return fixture.leader("pg")->state == LeaderState::led; }));
        took.push_back(fixture.published_at - at);
        CHECK(fixture.leader("pg")->member == (second ? "m2" : "m1"));
    }
    std::sort(took.begin(), took.end());
    WARN("time from a write to Consul until its Catalog is published: median " << took[10].count() << " us, longest " << took.back().count()
                                                                               << " us");

    ::kill(consul->pid, SIGSTOP);
    fixture.run_for(1s);
    CHECK(fixture.leader("pg")->state == LeaderState::led);
    ::kill(consul->pid, SIGCONT);
    consul.reset();
    REQUIRE(fixture.until([&] { return fixture.last_catalog().contact_lost; }, 5s));
    CHECK(fixture.leader("pg")->state == LeaderState::led);
    CHECK(fixture.leader("pg")->reason == LeaderReason::kept_outage);
}
