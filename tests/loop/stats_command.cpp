// The sub-commands against a running stats server: what they print, and what their exit codes say.
#include <fcntl.h>

#include <nlohmann/json.hpp>

#include "resolver/command.hpp"
#include "resolver/stats_client.hpp"
#include "tests/loop/stats_ground.hpp"

using namespace lictor;
using lictor::test::StatsGround;

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

TEST_CASE("commands: each asks and prints; the exit code is the answer") {
    StatsGround ground("127.0.0.1:0");
    const auto& at = ground.address();
    CHECK(run({"stats"}, at).code == 0);
    CHECK(has(run({"stats"}, at).out, "questions"));
    CHECK(has(run({"leaders"}, at).out, "member-1 leads at 10.0.0.1 port 5432"));
    CHECK(has(run({"services"}, at).out, "passing"));
    CHECK(run({"health"}, at).code == 0);
    const auto ready = run({"ready"}, at);
    CHECK(ready.code == 1);
    CHECK(ready.out == "not ready: no upstream has answered yet\n");
    CHECK(nlohmann::json::accept(run({"stats", "--json"}, at).out));
}

TEST_CASE("commands: flush, all or a name") {
    StatsGround ground("127.0.0.1:0");
    CHECK(run({"flush"}, ground.address()).out == "forgotten: everything\n");
    CHECK(run({"flush", "WWW.example"}, ground.address()).out == "forgotten: www.example\n");
    CHECK(ground.flushed() == std::vector<std::string>{"*", "www.example"});
    const auto bad = run({"flush", "a..b"}, ground.address());
    CHECK(bad.code == 1);
    CHECK(has(bad.err, "name is not a domain name"));
    CHECK(run({"flush", "a&name=b"}, ground.address()).out == "forgotten: a&name=b\n");
    CHECK(run({"flush", "a", "b"}, ground.address()).code == 1);
    CHECK(ground.flushed().size() == 3);
}

TEST_CASE("commands: over a unix socket, and at an address given behind the command") {
    const std::string path = "/tmp/lictor-command-" + std::to_string(getpid()) + ".sock";
    StatsGround ground("unix://" + path);
    CHECK(run({"health"}, "unix://" + path).code == 0);
    CHECK(run({"health", "--stats-address=unix://" + path}, "127.0.0.1:1").code == 0);
    CHECK(run({"health", "--stats-address", "unix://" + path}, "").code == 0);
}

TEST_CASE("commands: no proxy of the environment is between") {
    StatsGround ground("127.0.0.1:0");
    ::setenv("http_proxy", "http://127.0.0.1:1", 1);
    CHECK(run({"health"}, ground.address()).code == 0);
    ::unsetenv("http_proxy");
}

TEST_CASE("commands: nobody there, a word that is none, an endpoint that is off") {
    const auto nobody = run({"stats"}, "127.0.0.1:1");
    CHECK(nobody.code == 2);
    CHECK(has(nobody.err, "127.0.0.1:1"));
    CHECK(run({"stats"}, "unix:///nonexistent/socket").code == 2);
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

TEST_CASE("commands: a server on all addresses is asked on the loopback") {
    StatsGround ground("0.0.0.0:0");
    CHECK(has(ground.address(), "0.0.0.0:"));
    CHECK(run({"health"}, ground.address()).code == 0);
}
