// The sockets for clients are bound twice: exclusively, to find conflicts, and then once for each worker. `explain` makes the error text if
// a system call fails.
#include "resolver/net/listen_sockets.hpp"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "resolver/net/socket_address.hpp"

namespace lictor::net {

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

enum class Purpose : std::uint8_t { trial, exclusive, shared };

constexpr int receive_buffer_bytes = 4 << 20;  // for bursts: the kernel's accounting allows about 3,000 small datagrams
constexpr int send_buffer_bytes = 1 << 20;
constexpr int tcp_backlog = 1024;
constexpr int port_tries = 16;

/// A bound descriptor. If a system call failed, `step` is its name and `code` its errno.
struct Opened {
    int fd = -1;
    Endpoint endpoint;
    int code = 0;
    std::string step;
};

bool set_flag(int fd, int level, int option, int value = 1) { return ::setsockopt(fd, level, option, &value, sizeof value) == 0; }

/// Makes a socket's buffer `bytes` large if it is smaller: an inherited socket may have a larger one. The FORCE options need CAP_NET_ADMIN;
/// the others are limited by net.core.rmem_max and net.core.wmem_max.
void raise_buffer(int fd, int option, int force_option, int bytes) {
    int has = 0;
    socklen_t size = sizeof has;
    // getsockopt(2) gives twice the value that was set (socket(7)).
    if (::getsockopt(fd, SOL_SOCKET, option, &has, &size) == 0 && has / 2 >= bytes) return;
    if (!set_flag(fd, SOL_SOCKET, force_option, bytes)) set_flag(fd, SOL_SOCKET, option, bytes);
}

/// The scope id (RFC 4007) of a link-local address: the index of `device`, or of the interface that has the address. 0 if there is none.
std::uint32_t scope_id_of(const Address& address, const std::string& device) {
    if (!address.v6 || !address.is_link_local()) return 0;
    if (!device.empty()) return ::if_nametoindex(device.c_str());
    ifaddrs* list = nullptr;
    if (::getifaddrs(&list) != 0) return 0;
    std::uint32_t scope = 0;
    for (const auto* entry = list; entry && !scope; entry = entry->ifa_next) {
        if (!entry->ifa_addr || entry->ifa_addr->sa_family != AF_INET6) continue;
        const auto* found = reinterpret_cast<const sockaddr_in6*>(entry->ifa_addr);
        if (std::memcmp(&found->sin6_addr, address.bytes.data(), 16) == 0) scope = found->sin6_scope_id;
    }
    ::freeifaddrs(list);
    return scope;
}

Opened open_socket(const Endpoint& endpoint, answer::Transport transport, Purpose purpose, const BindRequest& request) {
    Opened out{.fd = -1, .endpoint = endpoint, .code = 0, .step = {}};
    const bool udp = transport == answer::Transport::udp;
    const auto failed = [&](std::string step) {
        out.code = errno;
        out.step = std::move(step);
        if (out.fd >= 0) ::close(std::exchange(out.fd, -1));
        return out;
    };
    out.fd = ::socket(family_of(endpoint.address), (udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (out.fd < 0) return failed("socket");
    // Before the bind: members of one SO_REUSEPORT group must have one owner. Without CAP_CHOWN all members that are bound now have one,
    // too; only a later one at an overlapping address (0.0.0.0 and 10.0.0.1) is refused.
    if (purpose == Purpose::shared && request.owner != ::geteuid()) [[maybe_unused]]
        const int given = ::fchown(out.fd, request.owner, static_cast<gid_t>(-1));
    if (endpoint.address.v6 && !set_flag(out.fd, IPPROTO_IPV6, IPV6_V6ONLY)) return failed("IPV6_V6ONLY");
    if (!udp && !set_flag(out.fd, SOL_SOCKET, SO_REUSEADDR)) return failed("SO_REUSEADDR");
    if (purpose == Purpose::shared && !set_flag(out.fd, SOL_SOCKET, SO_REUSEPORT)) return failed("SO_REUSEPORT");
    if (!request.device.empty() &&
        ::setsockopt(out.fd, SOL_SOCKET, SO_BINDTODEVICE, request.device.c_str(), static_cast<socklen_t>(request.device.size() + 1)) != 0)
        return failed("device");
    if (udp && purpose != Purpose::trial) tune_udp(out.fd, endpoint.address);
    SocketAddress address(endpoint, scope_id_of(endpoint.address, request.device));
    if (::bind(out.fd, &address.any, address.length) != 0) return failed("bind");
    if (::getsockname(out.fd, &address.any, &address.length) != 0) return failed("getsockname");
    out.endpoint.port = address.endpoint().port;
    if (!udp && purpose != Purpose::trial && ::listen(out.fd, tcp_backlog) != 0) return failed("listen");
    return out;
}

Error explain(const Opened& opened, answer::Transport transport, const BindRequest& request) {
    std::string text = "cannot listen on " + opened.endpoint.text() + (transport == answer::Transport::udp ? " (UDP): " : " (TCP): ");
    if (opened.step == "device")
        return {text + "interface " + request.device + ": " + std::strerror(opened.code) + "; correct interface= or bring it up first"};
    switch (opened.code) {
        case EADDRINUSE:
            return {text +
                    "address already in use; is another resolver running? Stop it (dnsmasq, systemd-resolved, a second lictor) or "
                    "choose another listen-address or port"};
        case EACCES:
        case EPERM:
            return {
                text +
                "permission denied: a port below 1024 needs CAP_NET_BIND_SERVICE (in a container: --cap-add NET_BIND_SERVICE, or "
                "--sysctl net.ipv4.ip_unprivileged_port_start=0). After a start as root lictor gives it up; then a new port below 1024, "
                "or a new address on such a port, needs a restart instead of HUP"};
        case EADDRNOTAVAIL:
            return {text +
                    "this machine has no such address; correct listen-address, bring the interface up first, or remove bind-interfaces: "
                    "then lictor starts and listens there when the address comes"};
        case EAFNOSUPPORT:
            return {text + "this machine has no IPv6; leave IPv6 addresses out of listen-address, or remove bind-interfaces"};
        case EMFILE:
        case ENFILE: return {text + "too many open files; raise the limit of open files (ulimit -n)"};
        default: return {text + opened.step + ": " + std::strerror(opened.code)};
    }
}

/// A link-local address without its interface has no scope: EINVAL.
bool address_absent(const Opened& opened) {
    return opened.code == EADDRNOTAVAIL || opened.code == EAFNOSUPPORT ||
           (opened.code == EINVAL && opened.endpoint.address.v6 && opened.endpoint.address.is_link_local());
}

/// Binds all endpoints without SO_REUSEPORT and closes them again. The kernel chooses one port for all endpoints with port 0. `found` does
/// not contain optional endpoints whose address is absent.
struct TrialBind {
    const BindRequest& request;
    std::vector<Endpoint> found;
    Opened fault;
    answer::Transport fault_transport = answer::Transport::udp;

    bool run() {
        std::vector<BoundSocket> bound;  // open until the end, so that a conflict between two endpoints of the request is found
        std::uint16_t chosen = 0;
        const auto bind_endpoint = [&](Endpoint endpoint, bool optional) {
            if (endpoint.port == 0) endpoint.port = chosen;
            for (const auto transport : {answer::Transport::udp, answer::Transport::tcp}) {
                auto opened = open_socket(endpoint, transport, Purpose::trial, request);
                if (opened.fd < 0) {
                    if (optional && address_absent(opened)) return true;
                    fault = opened;
                    fault_transport = transport;
                    return false;
                }
                if (endpoint.port == 0) chosen = opened.endpoint.port;
                endpoint.port = opened.endpoint.port;
                bound.emplace_back(opened.fd, opened.endpoint, transport);
            }
            if (std::find(found.begin(), found.end(), endpoint) == found.end()) found.push_back(endpoint);
            return true;
        };
        for (const auto& [list, optional] : {std::pair(&request.endpoints, false), std::pair(&request.if_present, true)}) {
            for (std::size_t i = 0; i < list->size(); ++i) {
                const auto& endpoint = (*list)[i];
                const bool repeated =
                    std::find(list->begin(), list->begin() + static_cast<std::ptrdiff_t>(i), endpoint) !=
                        list->begin() + static_cast<std::ptrdiff_t>(i) ||
                    (optional && std::find(request.endpoints.begin(), request.endpoints.end(), endpoint) != request.endpoints.end());
                if (!repeated && !bind_endpoint(endpoint, optional)) return false;
            }
        }
        return true;
    }
};

}  // namespace

void tune_udp(int fd, const Address& address) {
    raise_buffer(fd, SO_RCVBUF, SO_RCVBUFFORCE, receive_buffer_bytes);
    raise_buffer(fd, SO_SNDBUF, SO_SNDBUFFORCE, send_buffer_bytes);
    // PMTUDISC_OMIT ignores ICMP "fragmentation needed" messages: forged ones would cause fragments (RFC 9715 §3.1).
    if (address.v6) set_flag(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_OMIT);
    else set_flag(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_OMIT);
    // A socket on a wildcard address needs the destination address of each query, because it is the source address of the reply.
    if (!address.is_unspecified()) return;
    if (address.v6) set_flag(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO);
    else set_flag(fd, IPPROTO_IP, IP_PKTINFO);
}

Result<std::vector<std::vector<BoundSocket>>> bind_all(const BindRequest& request) {
    const auto has_port_zero = [](const Endpoint& endpoint) { return endpoint.port == 0; };
    const bool kernel_chooses_port = std::any_of(request.endpoints.begin(), request.endpoints.end(), has_port_zero) ||
                                     std::any_of(request.if_present.begin(), request.if_present.end(), has_port_zero);
    TrialBind trial{.request = request, .found = {}, .fault = {}};
    // A port that the kernel chose for UDP may be in use for TCP. Then it chooses another one.
    for (int tries = kernel_chooses_port ? port_tries : 1; !trial.run(); trial.found.clear()) {
        if (--tries == 0 || trial.fault.code != EADDRINUSE) return explain(trial.fault, trial.fault_transport, request);
    }
    const unsigned workers = std::max(1u, request.workers);
    std::vector<std::vector<BoundSocket>> out(workers);
    for (auto& sockets : out) {
        for (const auto& endpoint : trial.found) {
            for (const auto transport : {answer::Transport::udp, answer::Transport::tcp}) {
                auto opened = open_socket(endpoint, transport, workers > 1 ? Purpose::shared : Purpose::exclusive, request);
                if (opened.fd < 0) return explain(opened, transport, request);
                sockets.emplace_back(opened.fd, opened.endpoint, transport);
            }
        }
    }
    return out;
}

}  // namespace lictor::net
