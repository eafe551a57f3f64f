// What do the sub-commands print and exit with, against a running stats server?
#include <fcntl.h>

#include <nlohmann/json.hpp>

#include "resolver/cli/command.hpp"
#include "resolver/endpoint/client.hpp"
#include "tests/loop/stats_fixture.hpp"

using namespace lictor;
using namespace lictor::cli;
using namespace lictor::conf;
using lictor::test::StatsServerFixture;

namespace {

struct Ran {
    int code = -1;
    std::string out, err;
};

/// Runs with stdout and stderr in files.
Ran run(const std::vector<std::string>& words, const std::string& address) {
    Options options;
    options.stats_address = address;
    Ran ran;
    const auto captured = [](int fd, auto during) {
        std::fflush(nullptr);
        char path[] = "/tmp/lictor-command-XXXXXX";
        const int file = mkstemp(path);
        const int before = ::dup(fd);
        ::dup2(file, fd);
        during();
        std::fflush(nullptr);
        ::dup2(before, fd);
        ::close(before);
        std::string text(1 << 20, '\0');
        const auto size = ::pread(file, text.data(), text.size(), 0);
        text.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
        ::close(file);
        ::unlink(path);
        return text;
    };
    ran.err = captured(2, [&] { ran.out = captured(1, [&] { ran.code = run_command(words, options); }); });
    return ran;
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("commands: each command prints the reply and exits with its result") {
    StatsServerFixture fixture("127.0.0.1:0");
    const auto& at = fixture.address();
    CHECK(run({"stats"}, at).code == 0);
    CHECK(has(run({"stats"}, at).out, "queries"));
    CHECK(has(run({"leaders"}, at).out, "member-1 leads at 10.0.0.1 port 5432"));
    CHECK(has(run({"services"}, at).out, "passing"));
    CHECK(run({"health"}, at).code == 0);
    const auto ready = run({"ready"}, at);
    CHECK(ready.code == 1);
    CHECK(ready.out == "not ready: no upstream has answered yet\nwarning: leader zz: queries are held\n");
    CHECK(nlohmann::json::accept(run({"stats", "--json"}, at).out));
}

TEST_CASE("commands: flush removes everything or one name") {
    StatsServerFixture fixture("127.0.0.1:0");
    CHECK(run({"flush"}, fixture.address()).out == "removed from the cache: everything, 1 entry\n");
    CHECK(run({"flush", "WWW.example"}, fixture.address()).out == "removed from the cache: www.example, 2 entries\n");
    CHECK(fixture.flushed() == std::vector<std::string>{"*", "www.example"});
    const auto bad = run({"flush", "a..b"}, fixture.address());
    CHECK(bad.code == 1);
    CHECK(has(bad.err, "name is not a domain name"));
    CHECK(run({"flush", "a&name=b"}, fixture.address()).out == "removed from the cache: a&name=b, 3 entries\n");
    CHECK(run({"flush", "a", "b"}, fixture.address()).code == 1);
    CHECK(fixture.flushed().size() == 3);
}

TEST_CASE("commands: a reply that comes later, and the words of each command") {
    StatsServerFixture fixture("127.0.0.1:0");
    const auto& at = fixture.address();
    CHECK(run({"explain", "a.example", "AAAA", "--json"}, at).out == "{\"name\":\"a.example\",\"type\":\"28\"}\n");
    CHECK(has(run({"explain"}, at).err, "explain needs NAME [TYPE]"));
    CHECK(run({"explain", "a", "b", "c"}, at).code == 1);
    CHECK(run({"leaders", "pg"}, at).code == 0);
    CHECK_FALSE(has(run({"leaders", "pg"}, at).out, "zz"));
    const auto unknown = run({"leaders", "nothing"}, at);
    CHECK(unknown.code == 1);
    CHECK(has(unknown.err, "no scope 'nothing' is known; known: "));
    CHECK(nlohmann::json::parse(run({"leaders", "pg", "--json"}, at).out)["leaders"].size() == 1);
    CHECK(run({"reload"}, at).out == "the configuration was read again\n");
    fixture.reload_result.errors = {"file:1: wrong"};
    CHECK(run({"reload"}, at).code == 1);
    CHECK(has(run({"reload"}, at).out, "error: file:1: wrong\n"));
    CHECK(run({"stats", "--watch=0"}, at).code == 1);
    CHECK(run({"wait", "--timeout=x"}, at).code == 1);
    CHECK(run({"wait", "--leader"}, at).code == 1);
}

TEST_CASE("commands: wait ends when the leader is there, or at its time-out, and says what is missing") {
    StatsServerFixture fixture("127.0.0.1:0");
    CHECK(run({"wait", "--leader", "pg", "--timeout", "0"}, fixture.address()).code == 0);
    const auto late = run({"wait", "--leader=pg", "--leader=zz", "--timeout=1"}, fixture.address());
    CHECK(late.code == 1);
    CHECK(has(late.err, "gave up after 1."));
    CHECK(has(late.err, "no leader of zz: "));
    const auto not_ready = run({"wait", "--timeout=0"}, fixture.address());
    CHECK(not_ready.code == 1);
    CHECK(has(not_ready.err, "not ready: no upstream has answered yet"));
    CHECK(run({"wait", "--timeout=0"}, "127.0.0.1:1").code == 2);
    CHECK(nlohmann::json::parse(run({"wait", "--timeout=0", "--json"}, fixture.address()).out)["done"] == false);
}

TEST_CASE("commands: help of one command") {
    CHECK(run_help("wait") == 0);
    CHECK(run_help("nothing") == 1);
}

TEST_CASE("commands: a command uses a unix socket, or the address of --stats-address") {
    const std::string path = "/tmp/lictor-command-" + std::to_string(getpid()) + ".sock";
    StatsServerFixture fixture("unix://" + path);
    CHECK(run({"health"}, "unix://" + path).code == 0);
    CHECK(run({"health", "--stats-address=unix://" + path}, "127.0.0.1:1").code == 0);
    CHECK(run({"health", "--stats-address", "unix://" + path}, "").code == 0);
}

TEST_CASE("commands: a proxy in the environment is not used") {
    StatsServerFixture fixture("127.0.0.1:0");
    ::setenv("http_proxy", "http://127.0.0.1:1", 1);
    CHECK(run({"health"}, fixture.address()).code == 0);
    ::unsetenv("http_proxy");
}

TEST_CASE("commands: without a server, with an unknown command or with an endpoint that is off, the command fails") {
    const auto no_server = run({"stats"}, "127.0.0.1:1");
    CHECK(no_server.code == 2);
    CHECK(has(no_server.err, "127.0.0.1:1"));
    CHECK(has(no_server.err, "Connection refused; start lictor"));
    const auto no_socket = run({"stats"}, "unix:///nonexistent/socket");
    CHECK(no_socket.code == 2);
    CHECK(has(no_socket.err, "/nonexistent/socket: No such file or directory; start lictor"));
    CHECK_FALSE(has(no_socket.err, "port"));
    CHECK(run({"stats"}, "").code == 2);
    const auto unknown = run({"leader"}, "127.0.0.1:1");
    CHECK(unknown.code == 1);
    CHECK(has(unknown.err, "did you mean 'leaders'?"));
    CHECK(has(unknown.err, "flush [NAME]"));
    CHECK_FALSE(has(run({"xyzzy"}, "").err, "did you mean"));
    CHECK_FALSE(has(run({"a\nb\x1b"}, "").err, "\x1b"));
    CHECK(run({"stats", "--what"}, "127.0.0.1:1").code == 1);
    CHECK(run({}, "").code == 1);
    CHECK(run({"stats", "--help"}, "").code == 0);
}

TEST_CASE("commands: a server on a wildcard address is queried on loopback") {
    StatsServerFixture fixture("0.0.0.0:0");
    CHECK(has(fixture.address(), "0.0.0.0:"));
    CHECK(run({"health"}, fixture.address()).code == 0);
}
