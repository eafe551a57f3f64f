// Binds the stats endpoint. Each error text says what to do.
#include "resolver/endpoint/listen_socket.hpp"

#include <netinet/in.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "resolver/net/socket_address.hpp"

namespace lictor::endpoint {
namespace {

constexpr int backlog = 64;
constexpr std::string_view unix_scheme = "unix://";

class Descriptor {
public:
    explicit Descriptor(int fd) : fd_(fd) {}
    ~Descriptor() {
        if (fd_ >= 0) ::close(fd_);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    int get() const { return fd_; }
    int release() { return std::exchange(fd_, -1); }

private:
    int fd_;
};

Error failed(const std::string& address, const std::string& step, int code, const char* remedy = "") {
    return Error{"stats-address=" + address + ": " + step + ": " + std::strerror(code) + remedy};
}

/// True if a process accepts connections at the path.
bool served(const sockaddr_un& at) {
    const Descriptor probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (probe.get() < 0) return true;
    return ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0 || errno == EAGAIN;
}

/// Removes the file of a socket that no process serves, and nothing else. Gives the error, or an empty text.
std::string clear_path(const std::string& path, const sockaddr_un& at) {
    struct stat file {};
    if (::lstat(path.c_str(), &file) != 0) return errno == ENOENT ? "" : std::strerror(errno);
    if (!S_ISSOCK(file.st_mode)) return "the path is a file that is not a socket; choose another path";
    if (served(at)) return "another process serves this socket; choose another path";
    if (::unlink(path.c_str()) != 0) return std::string("an old socket cannot be removed: ") + std::strerror(errno);
    return "";
}

Result<int> bind_unix(const std::string& address, const std::string& path) {
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    if (path.empty() || path.front() != '/' || path.size() >= sizeof at.sun_path)
        return Error{"stats-address=" + address + ": the path of a unix socket begins with / and has at most " +
                     std::to_string(sizeof at.sun_path - 1) + " bytes"};
    std::memcpy(at.sun_path, path.data(), path.size());
    if (auto error = clear_path(path, at); !error.empty()) return Error{"stats-address=" + address + ": " + error};
    Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (socket.get() < 0) return failed(address, "socket", errno);
    const mode_t before = ::umask(0117);  // bind(2) itself creates the file with mode 0660
    const int bound = ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at);
    const int code = errno;
    ::umask(before);
    if (bound != 0) return failed(address, "bind", code);
    if (::listen(socket.get(), backlog) != 0) return failed(address, "listen", errno);
    return socket.release();
}

/// `absent`: this machine does not have the address; then the socket accepts when it comes.
Result<int> bind_tcp(const std::string& address, Endpoint& endpoint, bool& absent) {
    net::SocketAddress at(endpoint);
    Descriptor socket(::socket(at.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (socket.get() < 0) return failed(address, "socket", errno);
    const int on = 1;
    ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    int bound = ::bind(socket.get(), &at.any, at.length);
    absent = bound != 0 && errno == EADDRNOTAVAIL;
    if (absent) {
        const bool v6 = endpoint.address.v6;
        ::setsockopt(socket.get(), v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_FREEBIND : IP_FREEBIND, &on, sizeof on);
        bound = ::bind(socket.get(), &at.any, at.length);
    }
    if (bound != 0)
        return failed(address, "bind", errno,
                      errno == EADDRINUSE ? "; another process listens there, choose another port or stats-address= for none" : "");
    if (::listen(socket.get(), backlog) != 0) return failed(address, "listen", errno);
    net::SocketAddress real;
    if (::getsockname(socket.get(), &real.any, &real.length) == 0) endpoint = real.endpoint();
    return socket.release();
}

}  // namespace

Result<Endpoint> stats_endpoint(const std::string& address) {
    const auto wrong = [&] { return Error{"stats-address=" + address + ": not of the form IP:PORT, [IPv6]:PORT or unix:///PATH"}; };
    const auto colon = address.rfind(':');
    if (colon == std::string::npos) return wrong();
    std::string host = address.substr(0, colon);
    const auto port = parse_number(std::string_view(address).substr(colon + 1), 65535);
    if (host == "localhost") host = "127.0.0.1";
    const bool bracketed = host.starts_with('[') && host.ends_with(']');
    if (bracketed) host = host.substr(1, host.size() - 2);
    const auto ip = Address::parse(host);
    if (!ip || !port || (ip->v6 && !bracketed)) return wrong();
    return Endpoint{*ip, static_cast<std::uint16_t>(*port)};
}

Result<StatsListener> StatsListener::open(const std::string& address) {
    if (address.starts_with(unix_scheme)) {
        const std::string path = address.substr(unix_scheme.size());
        const auto fd = bind_unix(address, path);
        if (!fd) return fd.error();
        return StatsListener(*fd, {}, path);
    }
    auto endpoint = stats_endpoint(address);
    if (!endpoint) return endpoint.error();
    bool absent = false;
    const auto fd = bind_tcp(address, *endpoint, absent);
    if (!fd) return fd.error();
    StatsListener listener(*fd, *endpoint, "");
    listener.absent_ = absent;
    return listener;
}

StatsListener::StatsListener(StatsListener&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), absent_(other.absent_), endpoint_(other.endpoint_), path_(std::exchange(other.path_, {})) {}

StatsListener& StatsListener::operator=(StatsListener&& other) noexcept {
    std::swap(fd_, other.fd_);
    std::swap(absent_, other.absent_);
    std::swap(endpoint_, other.endpoint_);
    std::swap(path_, other.path_);
    return *this;
}

StatsListener::~StatsListener() {
    if (fd_ < 0) return;
    ::close(fd_);
    if (!path_.empty()) ::unlink(path_.c_str());
}

std::string StatsListener::address() const {
    if (is_unix()) return path_;
    const auto host = endpoint_.address.v6 ? '[' + endpoint_.address.text() + ']' : endpoint_.address.text();
    return host + ':' + std::to_string(endpoint_.port);
}

}  // namespace lictor::endpoint
