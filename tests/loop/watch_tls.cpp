// HTTPS towards Consul: a certificate counts only if it is signed by the given authority and has the right name. The server is the
// openssl program; without it there is nothing to be done here.
#include <catch2/catch.hpp>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/loop/watch_ground.hpp"
#include "watch/http.hpp"

using namespace lictor;
using namespace std::chrono_literals;

namespace {

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
        const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        ::bind(fd, reinterpret_cast<sockaddr*>(&address), size);
        ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
        ::close(fd);
        port = ntohs(address.sin_port);
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

}  // namespace

TEST_CASE("http: TLS is verified against the given authority and name", "[http][tls]") {
    TlsServer server;
    if (!server.ready) {
        WARN("skipped: the openssl program is not there");
        return;
    }
    const auto get = [&](const Options& options) {
        Ground ground;
        ControlCounters counters;
        Http http(ground.loop, options, counters, {});
        HttpReply reply;
        for (int tries = 0; tries < 50; ++tries) {
            bool came = false;
            http.get("/v1/x", 3s, [&](HttpReply got) {
                reply = std::move(got);
                came = true;
            });
            REQUIRE(ground.until([&] { return came; }));
            if (reply.status != 0 || reply.error.find("onnect") == std::string::npos) break;
            ground.pass(50ms);  // the server is still starting
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
