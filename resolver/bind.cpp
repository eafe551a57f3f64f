// How are the client-side sockets made, and what is said when the machine does not let us? An exclusive probe first: with SO_REUSEPORT
// alone a second instance would silently take half of the questions.
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "resolver/listener.hpp"
#include "resolver/socket_address.hpp"

namespace lictor {

BoundSocket::BoundSocket(BoundSocket&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), endpoint_(other.endpoint_), transport_(other.transport_) {}

BoundSocket& BoundSocket::operator=(BoundSocket&& other) noexcept {
    if (this != &other) {
        if (fd_ >= 0) ::close(fd_);
        fd_ = std::exchange(other.fd_, -1);
        endpoint_ = other.endpoint_;
        transport_ = other.transport_;
    }
    return *this;
}

BoundSocket::~BoundSocket() {
    if (fd_ >= 0) ::close(fd_);
}

namespace {

enum class Purpose : std::uint8_t { probe, exclusive, shared };

constexpr int receive_buffer_bytes = 4 << 20;  // some 3,000 small datagrams as the kernel accounts them: a burst waits here, not lost
constexpr int send_buffer_bytes = 1 << 20;
constexpr int tcp_backlog = 1024;
constexpr int port_tries = 16;

/// A bound descriptor, or the step that failed with its errno.
struct Opened {
    int fd = -1;
    Endpoint endpoint;
    int code = 0;
    std::string step;
};

bool set_flag(int fd, int level, int option, int value = 1) { return ::setsockopt(fd, level, option, &value, sizeof value) == 0; }

/// A link-local address belongs to one interface: the device named, else the one that has it.
std::uint32_t scope_of(const Address& address, const std::string& device) {
    if (!address.v6 || !address.is_link_local()) return 0;
    if (!device.empty()) return ::if_nametoindex(device.c_str());
    ifaddrs* list = nullptr;
    if (::getifaddrs(&list) != 0) return 0;
    std::uint32_t scope = 0;
    for (const auto* entry = list; entry && !scope; entry = entry->ifa_next) {
        if (!entry->ifa_addr || entry->ifa_addr->sa_family != AF_INET6) continue;
        const auto* there = reinterpret_cast<const sockaddr_in6*>(entry->ifa_addr);
        if (std::memcmp(&there->sin6_addr, address.bytes.data(), 16) == 0) scope = there->sin6_scope_id;
    }
    ::freeifaddrs(list);
    return scope;
}

void tune_udp(int fd, const Address& address) {
    // The forced form needs CAP_NET_ADMIN; the other is cut to net.core.rmem_max. Either way what is possible is taken.
    if (!set_flag(fd, SOL_SOCKET, SO_RCVBUFFORCE, receive_buffer_bytes)) set_flag(fd, SOL_SOCKET, SO_RCVBUF, receive_buffer_bytes);
    if (!set_flag(fd, SOL_SOCKET, SO_SNDBUFFORCE, send_buffer_bytes)) set_flag(fd, SOL_SOCKET, SO_SNDBUF, send_buffer_bytes);
    // A forged "fragmentation needed" must not make us send fragments (RFC 9715 §3.1).
    if (address.v6) set_flag(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_OMIT);
    else set_flag(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_OMIT);
    // A wildcard socket must learn which of our addresses was asked: the reply leaves from there.
    if (!address.is_unspecified()) return;
    if (address.v6) set_flag(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO);
    else set_flag(fd, IPPROTO_IP, IP_PKTINFO);
}

Opened open_socket(const Endpoint& endpoint, Transport transport, Purpose purpose, const BindRequest& request) {
    Opened out{.fd = -1, .endpoint = endpoint, .code = 0, .step = {}};
    const bool udp = transport == Transport::udp;
    const auto failed = [&](std::string step) {
        out.code = errno;
        out.step = std::move(step);
        if (out.fd >= 0) ::close(std::exchange(out.fd, -1));
        return out;
    };
    out.fd = ::socket(family_of(endpoint.address), (udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (out.fd < 0) return failed("socket");
    // Before the bind: members of one SO_REUSEPORT group must have one owner.
    if (request.owner != ::geteuid() && ::fchown(out.fd, request.owner, static_cast<gid_t>(-1)) != 0) return failed("fchown");
    if (endpoint.address.v6 && !set_flag(out.fd, IPPROTO_IPV6, IPV6_V6ONLY)) return failed("IPV6_V6ONLY");
    if (!udp && !set_flag(out.fd, SOL_SOCKET, SO_REUSEADDR)) return failed("SO_REUSEADDR");
    if (purpose == Purpose::shared && !set_flag(out.fd, SOL_SOCKET, SO_REUSEPORT)) return failed("SO_REUSEPORT");
    if (!request.device.empty() &&
        ::setsockopt(out.fd, SOL_SOCKET, SO_BINDTODEVICE, request.device.c_str(), static_cast<socklen_t>(request.device.size() + 1)) != 0)
        return failed("device");
    if (udp && purpose != Purpose::probe) tune_udp(out.fd, endpoint.address);
    SocketAddress address(endpoint, scope_of(endpoint.address, request.device));
    if (::bind(out.fd, &address.any, address.length) != 0) return failed("bind");
    if (::getsockname(out.fd, &address.any, &address.length) != 0) return failed("getsockname");
    out.endpoint.port = address.endpoint().port;
    if (!udp && purpose != Purpose::probe && ::listen(out.fd, tcp_backlog) != 0) return failed("listen");
    return out;
}

Error explain(const Opened& opened, Transport transport, const BindRequest& request) {
    std::string text = "cannot listen on " + opened.endpoint.text() + (transport == Transport::udp ? " (UDP): " : " (TCP): ");
    if (opened.step == "device")
        return {text + "interface " + request.device + ": " + std::strerror(opened.code) + "; correct interface= or bring it up first"};
    switch (opened.code) {
        case EADDRINUSE:
            return {text + "address already in use; is another resolver running? Stop it (dnsmasq, systemd-resolved, a second lictor) or "
                           "choose another listen-address or port"};
        case EACCES:
        case EPERM:
            if (opened.step == "fchown") return {text + "cannot hand the socket to the user named by user=: permission denied; start as root"};
            return {text + "permission denied: a port below 1024 needs root or CAP_NET_BIND_SERVICE (given up after a start as root: such a port "
                           "or a new address at it needs a restart, not HUP)"};
        case EADDRNOTAVAIL: return {text + "this machine has no such address; correct listen-address or bring the interface up first"};
        case EAFNOSUPPORT: return {text + "this machine has no IPv6; leave IPv6 addresses out of listen-address"};
        case EMFILE:
        case ENFILE: return {text + "too many open files; raise the limit of open files (ulimit -n)"};
        default: return {text + opened.step + ": " + std::strerror(opened.code)};
    }
}

bool absent(int code) { return code == EADDRNOTAVAIL || code == EAFNOSUPPORT; }

/// Asks the kernel for `endpoints` exclusively and gives them back at once. A port of 0 becomes `port`, or what the kernel chooses.
/// Endpoints that need not be there are dropped where they are not.
struct Probe {
    const BindRequest& request;
    std::vector<Endpoint> found;
    Opened fault;
    Transport fault_transport = Transport::udp;

    bool run() {
        std::vector<BoundSocket> held;  // all at once, so that two endpoints of one request cannot hide each other's conflict
        std::uint16_t chosen = 0;
        const auto take = [&](Endpoint endpoint, bool optional) {
            if (endpoint.port == 0) endpoint.port = chosen;
            for (const auto transport : {Transport::udp, Transport::tcp}) {
                auto opened = open_socket(endpoint, transport, Purpose::probe, request);
                if (opened.fd < 0) {
                    if (optional && absent(opened.code)) return true;
                    fault = opened;
                    fault_transport = transport;
                    return false;
                }
                if (endpoint.port == 0) chosen = opened.endpoint.port;
                endpoint.port = opened.endpoint.port;
                held.emplace_back(opened.fd, opened.endpoint, transport);
            }
            if (std::find(found.begin(), found.end(), endpoint) == found.end()) found.push_back(endpoint);
            return true;
        };
        for (const auto& [list, optional] : {std::pair(&request.endpoints, false), std::pair(&request.if_present, true)}) {
            for (std::size_t i = 0; i < list->size(); ++i) {
                const auto& endpoint = (*list)[i];
                const bool twice = std::find(list->begin(), list->begin() + static_cast<std::ptrdiff_t>(i), endpoint) !=
                                       list->begin() + static_cast<std::ptrdiff_t>(i) ||
                                   (optional && std::find(request.endpoints.begin(), request.endpoints.end(), endpoint) != request.endpoints.end());
                if (!twice && !take(endpoint, optional)) return false;
            }
        }
        return true;
    }
};

}  // namespace

Result<std::vector<std::vector<BoundSocket>>> bind_all(const BindRequest& request) {
    const auto is_open_port = [](const Endpoint& endpoint) { return endpoint.port == 0; };
    const bool port_free = std::any_of(request.endpoints.begin(), request.endpoints.end(), is_open_port) ||
                           std::any_of(request.if_present.begin(), request.if_present.end(), is_open_port);
    Probe probe{.request = request, .found = {}, .fault = {}};
    // A port that the kernel chose for UDP may be taken for TCP: then another.
    for (int tries = port_free ? port_tries : 1; !probe.run(); probe.found.clear()) {
        if (--tries == 0 || probe.fault.code != EADDRINUSE) return explain(probe.fault, probe.fault_transport, request);
    }
    const unsigned workers = std::max(1u, request.workers);
    std::vector<std::vector<BoundSocket>> out(workers);
    for (auto& sockets : out) {
        for (const auto& endpoint : probe.found) {
            for (const auto transport : {Transport::udp, Transport::tcp}) {
                auto opened = open_socket(endpoint, transport, workers > 1 ? Purpose::shared : Purpose::exclusive, request);
                if (opened.fd < 0) return explain(opened, transport, request);
                sockets.emplace_back(opened.fd, opened.endpoint, transport);
            }
        }
    }
    return out;
}

}  // namespace lictor
