// Does HTTPS to Consul accept only certificates that the configured authority signed and that have the right name? The server is the
// openssl program; without it the tests are skipped.
#include <catch2/catch.hpp>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <thread>

#include "conf/metrics/metrics.hpp"
#include "tests/loop/loop_fixture.hpp"
#include "watch/http/http.hpp"

using namespace lictor;
using namespace lictor::conf;
using namespace lictor::http;
using namespace lictor::metrics;
using namespace lictor::polling;
using namespace std::chrono_literals;

namespace {

sockaddr_in loopback(int last_byte, int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl((127u << 24) + static_cast<unsigned>(last_byte));
    return address;
}

/// A port that is free on all loopback addresses.
int free_port() {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    socklen_t size = sizeof address;
    ::bind(fd, reinterpret_cast<sockaddr*>(&address), size);
    ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
    ::close(fd);
    return ntohs(address.sin_port);
}

struct TlsServer {
    std::filesystem::path folder = std::filesystem::temp_directory_path() / ("lictor-test-tls-" + std::to_string(::getpid()));
    int port = 0;
    pid_t pid = -1;
    bool ready = false;

    TlsServer() {
        std::filesystem::create_directories(folder / "v1");
        std::ofstream(folder / "v1" / "x") << "HTTP/1.0 200 OK\r\nX-Consul-Index: 8\r\nContent-Length: 2\r\n\r\n[]";
        std::ofstream(folder / "name") << "subjectAltName=DNS:server.dc1.consul\n";
        const std::string in = "cd " + folder.string() + " && ";
        const std::string quiet = " >/dev/null 2>&1";
        ready = run(in + "openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -subj /CN=ca -days 2" + quiet) &&
                run(in + "openssl req -newkey rsa:2048 -nodes -keyout s.key -out s.csr -subj /CN=server.dc1.consul" + quiet) &&
                run(in + "openssl x509 -req -in s.csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile name -days 2 -out s.pem" + quiet) &&
                run(in + "openssl req -x509 -newkey rsa:2048 -nodes -keyout other.key -out other.pem -subj /CN=other -days 2" + quiet);
        if (!ready) return;
        port = free_port();
        pid = ::fork();
        if (pid == 0) {
            const int null = ::open("/dev/null", O_RDWR);
            for (const int standard : {0, 1, 2}) ::dup2(null, standard);
            if (::chdir(folder.c_str()) != 0) ::_exit(1);
            const auto accept = "127.0.0.1:" + std::to_string(port);
            ::execlp("openssl", "openssl", "s_server", "-accept", accept.c_str(), "-cert", "s.pem", "-key", "s.key", "-HTTP",
                     static_cast<char*>(nullptr));
            ::_exit(127);
        }
    }
    ~TlsServer() {
        if (pid > 0) {
            ::kill(pid, SIGKILL);
            ::waitpid(pid, nullptr, 0);
        }
        std::filesystem::remove_all(folder);
    }
    static bool run(const std::string& command) { return std::system(command.c_str()) == 0; }
};

/// A TLS server at 127.0.0.`last_byte` with one persistent connection at a time: openssl passes the bytes to a thread, which answers.
class KeptLine {
public:
    std::atomic<int> status{200}, asked{0};

    KeptLine(const TlsServer& server, int last_byte, int port) {
        std::array<int, 2> in{}, out{};
        if (::pipe2(in.data(), O_CLOEXEC) != 0 || ::pipe2(out.data(), O_CLOEXEC) != 0) std::abort();
        const auto accept = "127.0.0." + std::to_string(last_byte) + ':' + std::to_string(port);
        pid_ = ::fork();
        if (pid_ == 0) {
            ::dup2(in[0], 0);
            ::dup2(out[1], 1);
            ::dup2(::open("/dev/null", O_RDWR), 2);
            if (::chdir(server.folder.c_str()) != 0) ::_exit(1);
            ::execlp("openssl", "openssl", "s_server", "-quiet", "-accept", accept.c_str(), "-cert", "s.pem", "-key", "s.key",
                     static_cast<char*>(nullptr));
            ::_exit(127);
        }
        ::close(in[0]);
        ::close(out[1]);
        to_ = in[1];
        from_ = out[0];
        thread_ = std::thread([this] { serve(); });
        const auto address = loopback(last_byte, port);
        for (int tries = 0; tries < 100; ++tries) {
            const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
            const bool there = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
            ::close(fd);
            if (there) return;
            std::this_thread::sleep_for(50ms);
        }
    }
    ~KeptLine() {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
        thread_.join();
        ::close(to_);
        ::close(from_);
    }
    KeptLine(const KeptLine&) = delete;
    KeptLine& operator=(const KeptLine&) = delete;

private:
    void serve() {
        std::string request;
        char piece[4096];
        for (ssize_t got; (got = ::read(from_, piece, sizeof piece)) > 0;) {
            request.append(piece, static_cast<std::size_t>(got));
            if (!request.ends_with("\r\n\r\n")) continue;
            request.clear();
            ++asked;
            const std::string reply = "HTTP/1.1 " + std::to_string(status) + " X\r\nX-Consul-Index: 8\r\nContent-Length: 2\r\n\r\n[]";
            if (::write(to_, reply.data(), reply.size()) < 0) return;
        }
    }

    pid_t pid_ = -1;
    int to_ = -1, from_ = -1;
    std::thread thread_;
};

}  // namespace

TEST_CASE("http: TLS certificates are verified against the authority and the name", "[http][tls]") {
    TlsServer server;
    if (!server.ready) {
        WARN("skipped: the openssl program is not installed");
        return;
    }
    const auto get = [&](const Options& options) {
        LoopFixture fixture;
        ControlCounters counters;
        Http http(fixture.loop, options, counters, {});
        HttpReply reply;
        for (int tries = 0; tries < 50; ++tries) {
            bool came = false;
            http.get("/v1/x", 3s, [&](HttpReply got) {
                reply = std::move(got);
                came = true;
            });
            REQUIRE(fixture.until([&] { return came; }));
            if (reply.status != 0 || reply.error.find("onnect") == std::string::npos) break;
            fixture.run_for(50ms);  // the server is still starting
        }
        return reply;
    };
    auto options = consul_options("https://127.0.0.1:" + std::to_string(server.port));
    options.consul_ca_file = server.folder / "ca.pem";
    options.consul_tls_server_name = "server.dc1.consul";
    const auto right = get(options);
    CHECK(right.status == 200);
    CHECK(right.index == 8);
    auto wrong_name = options;
    wrong_name.consul_tls_server_name = "";
    CHECK(get(wrong_name).status == 0);
    auto wrong_authority = options;
    wrong_authority.consul_ca_file = server.folder / "other.pem";
    const auto refused = get(wrong_authority);
    CHECK(refused.status == 0);
    CHECK(refused.unreachable);
    auto unverified = wrong_authority;
    unverified.consul_tls_verify = false;
    CHECK(get(unverified).status == 200);
}

TEST_CASE("http: addresses with the same certificate name do not share connections", "[http][tls]") {
    TlsServer server;
    if (!server.ready) {
        WARN("skipped: the openssl program is not installed");
        return;
    }
    const int port = free_port();
    KeptLine first(server, 1, port), second(server, 2, port);
    const auto url = [port](const std::string& host) { return ConsulAddress{"https://" + host + ':' + std::to_string(port), {}}; };
    Options options;
    options.consul_http_addr = {url("127.0.0.1"), url("127.0.0.2")};
    options.consul_ca_file = server.folder / "ca.pem";
    options.consul_tls_server_name = "server.dc1.consul";
    LoopFixture fixture;
    ControlCounters counters;
    Http http(fixture.loop, options, counters, {});
    const auto get = [&] {
        std::optional<HttpReply> reply;
        http.get("/v1/x", 3s, [&](HttpReply got) { reply = std::move(got); });
        REQUIRE(fixture.until([&] { return reply.has_value(); }));
        return reply->status;
    };
    REQUIRE(get() == 200);
    REQUIRE(get() == 200);
    first.status = 500;
    REQUIRE(get() == 500);
    CHECK(first.asked == 3);
    CHECK(get() == 200);
    CHECK(first.asked == 3);
    CHECK(second.asked == 1);
    // The other address is used, though the old connection is still open.
    first.status = 200;
    options.consul_http_addr = {url("127.0.0.1")};
    http.adopt(options);
    CHECK(get() == 200);
    CHECK(first.asked == 4);
    options.consul_http_addr = {url("127.0.0.2")};
    http.adopt(options);
    CHECK(get() == 200);
    CHECK(second.asked == 2);
}
