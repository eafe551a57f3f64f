// Which sockets are bound, which requests are refused, and with which error (resolver/net/listen_sockets.hpp)?
#include <sys/stat.h>

#include <fstream>

#include "tests/loop/sockets_support.hpp"

using namespace lictor;
using namespace lictor::answer;
using namespace lictor::net;
using namespace lictor::test;

namespace {

BindRequest request_for(std::vector<Endpoint> endpoints, unsigned workers = 1) {
    BindRequest request;
    request.endpoints = std::move(endpoints);
    request.workers = workers;
    request.owner = ::geteuid();
    return request;
}

bool mentions(const Error& error, const std::string& part) { return error.text.find(part) != std::string::npos; }

int option(int fd, int level, int name) {
    int value = -1;
    socklen_t size = sizeof value;
    ::getsockopt(fd, level, name, &value, &size);
    return value;
}

}  // namespace

TEST_CASE("a second instance fails with a remedy") {
    for (const unsigned workers : {1u, 2u}) {
        auto first = bind_all(request_for({endpoint("127.0.0.1")}, workers));
        REQUIRE(first);
        const auto at = (*first)[0][0].endpoint();
        const auto second = bind_all(request_for({at}, workers));
        REQUIRE_FALSE(second);
        CHECK(mentions(second.error(), "cannot listen on " + at.text()));
        CHECK(mentions(second.error(), "address already in use"));
        CHECK(mentions(second.error(), "another resolver"));
        first = Error{""};
        CHECK(bind_all(request_for({at}, workers)));
    }
}

TEST_CASE("a port taken only for TCP is an error that mentions TCP") {
    Socket taken = open_socket(SOCK_STREAM, endpoint("127.0.0.1"));
    REQUIRE(::listen(taken.fd(), 1) == 0);
    const auto bound = bind_all(request_for({bound_to(taken.fd())}));
    REQUIRE_FALSE(bound);
    CHECK(mentions(bound.error(), "(TCP): address already in use"));
}

TEST_CASE("port 0 gives one port for both transports, all endpoints and all workers") {
    const auto bound = bind_all(request_for({endpoint("127.0.0.1"), endpoint("127.0.0.2")}, 3));
    REQUIRE(bound);
    REQUIRE(bound->size() == 3);
    const auto port = (*bound)[0][0].endpoint().port;
    CHECK(port != 0);
    for (const auto& worker : *bound) {
        REQUIRE(worker.size() == 4);
        for (const auto& socket : worker) {
            CHECK(bound_to(socket.fd()) == socket.endpoint());
            CHECK(socket.endpoint().port == port);
            CHECK(option(socket.fd(), SOL_SOCKET, SO_REUSEPORT) == 1);
            CHECK((::fcntl(socket.fd(), F_GETFD) & FD_CLOEXEC) != 0);
            CHECK((::fcntl(socket.fd(), F_GETFL) & O_NONBLOCK) != 0);
            CHECK(option(socket.fd(), SOL_SOCKET, SO_TYPE) == (socket.transport() == Transport::udp ? SOCK_DGRAM : SOCK_STREAM));
        }
    }
}

TEST_CASE("with one worker the port is exclusive, and the receive buffer is large") {
    const auto bound = bind_all(request_for({endpoint("127.0.0.1")}));
    REQUIRE(bound);
    for (const auto& socket : (*bound)[0]) CHECK(option(socket.fd(), SOL_SOCKET, SO_REUSEPORT) == 0);
    const int udp = (*bound)[0][0].fd();
    CHECK(option(udp, IPPROTO_IP, IP_MTU_DISCOVER) == IP_PMTUDISC_OMIT);
    CHECK(option(udp, IPPROTO_IP, IP_PKTINFO) == 0);
    if (::geteuid() == 0) CHECK(option(udp, SOL_SOCKET, SO_RCVBUF) >= 4 << 20);
}

TEST_CASE("an absent address is an error, unless it is optional") {
    auto request = request_for({endpoint("192.0.2.1", 5300)});
    const auto bound = bind_all(request);
    REQUIRE_FALSE(bound);
    CHECK(mentions(bound.error(), "192.0.2.1#5300"));
    CHECK(mentions(bound.error(), "no such address"));
    request.endpoints = {endpoint("127.0.0.1")};
    // A link-local address without an interface has no scope.
    request.if_present = {endpoint("192.0.2.1"), endpoint("fe80::53")};
    const auto some = bind_all(request);
    REQUIRE(some);
    CHECK((*some)[0].size() == 2);
}

TEST_CASE("an endpoint listed twice is bound once") {
    auto request = request_for({endpoint("127.0.0.1", 0)});
    const auto at = (*bind_all(request))[0][0].endpoint();
    request.endpoints = {at, at};
    request.if_present = {at};
    const auto bound = bind_all(request);
    REQUIRE(bound);
    CHECK((*bound)[0].size() == 2);
}

TEST_CASE("an optional address in use by another instance is an error") {
    const auto first = bind_all(request_for({endpoint("127.0.0.1")}));
    REQUIRE(first);
    BindRequest request;
    request.owner = ::geteuid();
    request.if_present = {(*first)[0][0].endpoint()};
    CHECK_FALSE(bind_all(request));
}

TEST_CASE("the error for an unknown interface has its name") {
    auto request = request_for({endpoint("127.0.0.1")});
    request.device = "no-such-if0";
    const auto bound = bind_all(request);
    REQUIRE_FALSE(bound);
    CHECK(mentions(bound.error(), "interface no-such-if0"));
}

TEST_CASE("the error for a privileged port has the missing capability") {
    int first_free = 1024;
    std::ifstream("/proc/sys/net/ipv4/ip_unprivileged_port_start") >> first_free;
    if (::geteuid() != 0 || first_free <= 53) {
        WARN("needs root and privileged ports");
        return;
    }
    const auto root = ::geteuid();
    REQUIRE(::seteuid(65'534) == 0);
    const auto bound = bind_all(request_for({endpoint("127.0.0.1", 53)}));
    REQUIRE(::seteuid(root) == 0);
    REQUIRE_FALSE(bound);
    CHECK(mentions(bound.error(), "CAP_NET_BIND_SERVICE"));
}

TEST_CASE("the target user owns the sockets and may bind into the group again") {
    if (::geteuid() != 0) {
        WARN("needs root");
        return;
    }
    auto request = request_for({endpoint("127.0.0.1")}, 2);
    request.owner = 65'534;
    const auto bound = bind_all(request);
    REQUIRE(bound);
    for (const auto& worker : *bound) {
        for (const auto& socket : worker) {
            struct stat status {};
            REQUIRE(::fstat(socket.fd(), &status) == 0);
            CHECK(status.st_uid == 65'534);
        }
    }
    REQUIRE(::seteuid(65'534) == 0);
    const auto at = (*bound)[0][0].endpoint();
    Socket again(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const int on = 1;
    ::setsockopt(again.fd(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    const SocketAddress address(at);
    const int code = ::bind(again.fd(), &address.any, address.length);
    REQUIRE(::seteuid(0) == 0);
    CHECK(code == 0);
}
