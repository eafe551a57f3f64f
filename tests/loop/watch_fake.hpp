// A small honest Consul for tests: answers GETs over TCP or a unix socket from threads of its own, with blocking queries, and lets a test
// answer a path with any bytes it likes.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace fake {

struct Request {
    std::string target, path;                  ///< with and without the query
    std::map<std::string, std::string> query, headers;  ///< header names in lower case
    std::uint64_t index() const {
        const auto at = query.find("index");
        return at == query.end() ? 0 : std::stoull(at->second);
    }
    bool stale() const { return query.count("stale") > 0; }
};

struct Reply {
    int status = 200;
    std::uint64_t index = 0;                   ///< 0 = no header
    std::string body{};
    std::string headers{};                     ///< further lines, each with its line end
};

/// Bytes of a usual reply.
inline std::string bytes_of(const Reply& reply, bool chunked = false) {
    std::string out = "HTTP/1.1 " + std::to_string(reply.status) + " X\r\nContent-Type: application/json\r\n" + reply.headers;
    if (reply.index) out += "X-Consul-Index: " + std::to_string(reply.index) + "\r\n";
    if (!chunked) return out + "Content-Length: " + std::to_string(reply.body.size()) + "\r\n\r\n" + reply.body;
    out += "Transfer-Encoding: chunked\r\n\r\n";
    for (std::size_t at = 0; at < reply.body.size(); at += 100) {
        const auto piece = reply.body.substr(at, 100);
        char size[16];
        std::snprintf(size, sizeof size, "%zx\r\n", piece.size());
        out += size + piece + "\r\n";
    }
    return out + "0\r\n\r\n";
}

class Consul {
public:
    /// One connection, for handlers that write bytes themselves.
    class Line {
    public:
        explicit Line(int fd) : fd_(fd) {}
        bool send(std::string_view bytes) const {
            while (!bytes.empty()) {
                const auto sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
                if (sent <= 0) return false;
                bytes.remove_prefix(static_cast<std::size_t>(sent));
            }
            return true;
        }
        void cut() const { ::shutdown(fd_, SHUT_RDWR); }
        void reset() const {
            const linger now{1, 0};
            ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        }
        /// True when the other side has gone.
        bool gone() const {
            char byte;
            return ::recv(fd_, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
        }

    private:
        int fd_;
    };
    using Handler = std::function<void(const Request&, const Line&)>;

    explicit Consul(std::uint16_t port = 0, std::string unix_path = {}) : unix_path_(std::move(unix_path)) { listen(port); }
    ~Consul() { stop(); }
    Consul(const Consul&) = delete;
    Consul& operator=(const Consul&) = delete;

    std::uint16_t port() const { return port_; }
    std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

    /// What a path says from now on; waiting queries with a smaller index are answered.
    void set(const std::string& path, Reply reply) {
        const std::lock_guard lock(mutex_);
        facts_[path] = std::move(reply);
        changed_.notify_all();
    }
    /// A path that is answered by the test. Null takes the handler back.
    void handle(const std::string& path, Handler handler) {
        const std::lock_guard lock(mutex_);
        if (handler) handlers_[path] = std::move(handler);
        else handlers_.erase(path);
        changed_.notify_all();
    }
    /// Every request is answered by this, if set.
    void handle_all(Handler handler) {
        const std::lock_guard lock(mutex_);
        all_ = std::move(handler);
        changed_.notify_all();
    }
    std::vector<Request> requests(const std::string& path = {}) const {
        const std::lock_guard lock(mutex_);
        std::vector<Request> found;
        for (const auto& request : requests_)
            if (path.empty() || request.path == path) found.push_back(request);
        return found;
    }
    std::size_t count(const std::string& path = {}) const { return requests(path).size(); }
    std::size_t connections() const { return accepted_; }
    std::size_t open_connections() const {
        const std::lock_guard lock(mutex_);
        return fds_.size();
    }

    void stop() {
        {
            const std::lock_guard lock(mutex_);
            if (stopping_) return;
            stopping_ = true;
            ::shutdown(listener_, SHUT_RDWR);
            for (const int fd : fds_) ::shutdown(fd, SHUT_RDWR);
            changed_.notify_all();
        }
        acceptor_.join();
        ::close(listener_);
        std::vector<std::thread> threads;
        {
            const std::lock_guard lock(mutex_);
            threads.swap(threads_);
        }
        for (auto& thread : threads) thread.join();
    }
    void start_again() {
        stopping_ = false;
        listen(port_);
    }
    bool stopping() const { return stopping_; }

private:
    void listen(std::uint16_t port) {
        if (unix_path_.empty()) {
            listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
            const int on = 1;
            ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
            sockaddr_in address{};
            address.sin_family = AF_INET;
            address.sin_port = htons(port);
            address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
            if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) std::abort();
            socklen_t size = sizeof address;
            ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
            port_ = ntohs(address.sin_port);
        } else {
            ::unlink(unix_path_.c_str());
            listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
            sockaddr_un address{};
            address.sun_family = AF_UNIX;
            std::strncpy(address.sun_path, unix_path_.c_str(), sizeof address.sun_path - 1);
            if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) std::abort();
        }
        ::listen(listener_, 512);
        acceptor_ = std::thread([this] {
            for (;;) {
                const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
                if (fd < 0) return;
                const std::lock_guard lock(mutex_);
                ++accepted_;
                if (stopping_) {
                    ::close(fd);
                    return;
                }
                const int on = 1;
                ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
                fds_.insert(fd);
                threads_.emplace_back([this, fd] { serve(fd); });
            }
        });
    }

    void serve(int fd) {
        std::string buffer;
        char piece[4096];
        for (;;) {
            auto end = buffer.find("\r\n\r\n");
            while (end == std::string::npos) {
                const auto got = ::recv(fd, piece, sizeof piece, 0);
                if (got <= 0) return leave(fd);
                buffer.append(piece, static_cast<std::size_t>(got));
                end = buffer.find("\r\n\r\n");
            }
            const auto request = parse(buffer.substr(0, end));
            buffer.erase(0, end + 4);
            if (!answer(request, Line(fd))) return leave(fd);
        }
    }

    void leave(int fd) {
        const std::lock_guard lock(mutex_);
        fds_.erase(fd);
        ::close(fd);
    }

    static Request parse(const std::string& head) {
        Request request;
        const auto line = head.substr(0, head.find("\r\n"));
        const auto first = line.find(' ');
        request.target = line.substr(first + 1, line.find(' ', first + 1) - first - 1);
        const auto mark = request.target.find('?');
        request.path = request.target.substr(0, mark);
        std::string rest = mark == std::string::npos ? "" : request.target.substr(mark + 1);
        while (!rest.empty()) {
            const auto pair = rest.substr(0, rest.find('&'));
            rest.erase(0, pair.size() + 1);
            const auto equals = pair.find('=');
            request.query[pair.substr(0, equals)] = equals == std::string::npos ? "" : pair.substr(equals + 1);
        }
        for (auto at = head.find("\r\n"); at != std::string::npos; at = head.find("\r\n", at + 2)) {
            const auto text = head.substr(at + 2, head.find("\r\n", at + 2) - at - 2);
            const auto colon = text.find(':');
            if (colon == std::string::npos) continue;
            auto name = text.substr(0, colon);
            for (auto& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
            request.headers[name] = text.substr(text.find_first_not_of(' ', colon + 1));
        }
        return request;
    }

    bool answer(const Request& request, const Line& line) {
        std::unique_lock lock(mutex_);
        requests_.push_back(request);
        const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
        for (;;) {
            if (stopping_) return false;
            auto handler = all_;
            if (const auto at = handlers_.find(request.path); !handler && at != handlers_.end()) handler = at->second;
            if (handler) {
                lock.unlock();
                handler(request, line);
                return true;
            }
            const auto at = facts_.find(request.path);
            if (at == facts_.end()) {
                lock.unlock();
                return line.send(bytes_of({.status = 404, .index = 1, .body = {}, .headers = {}}));
            }
            const auto& fact = at->second;
            if (fact.index == 0 || request.index() == 0 || request.index() != fact.index) {
                const auto bytes = bytes_of(fact);
                lock.unlock();
                return line.send(bytes);
            }
            if (changed_.wait_until(lock, until) == std::cv_status::timeout) {
                const auto bytes = bytes_of(fact);
                lock.unlock();
                return line.send(bytes);
            }
        }
    }

    std::string unix_path_;
    int listener_ = -1;
    std::uint16_t port_ = 0;
    std::thread acceptor_;
    std::atomic<bool> stopping_{false};
    std::atomic<std::size_t> accepted_{0};
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::map<std::string, Reply> facts_;
    std::map<std::string, Handler> handlers_;
    Handler all_;
    std::vector<Request> requests_;
    std::set<int> fds_;
    std::vector<std::thread> threads_;
};

/// One entry of health/service.
inline std::string instance(const std::string& service, const std::string& id, const std::string& node, const std::string& address,
                            int port, const std::string& serf = "passing") {
    return R"({"Node":{"ID":"","Node":")" + node + R"(","Address":")" + address +
           R"(","Datacenter":"dc1","TaggedAddresses":null,"Meta":null},"Service":{"ID":")" + id + R"(","Service":")" + service +
           R"(","Tags":["a"],"Address":"","Meta":null,"Port":)" + std::to_string(port) +
           R"(,"Weights":{"Passing":1,"Warning":1}},"Checks":[{"Node":")" + node +
           R"(","CheckID":"serfHealth","Name":"Serf","Status":")" + serf + R"(","ServiceID":"","ServiceName":""}]})";
}

inline std::string base64(const std::string& text) {
    static constexpr char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    for (std::size_t at = 0; at < text.size(); at += 3) {
        unsigned bits = 0;
        for (std::size_t i = 0; i < 3; ++i) bits = (bits << 8) | (at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0u);
        for (std::size_t i = 0; i < 4; ++i) out += i <= text.size() - at ? letters[(bits >> (18 - 6 * i)) & 63] : '=';
    }
    return out;
}

/// One entry of a KV read.
inline std::string key(const std::string& path, const std::string& value, std::uint64_t modified, const std::string& session = {}) {
    std::string out = R"({"LockIndex":)" + std::string(session.empty() ? "0" : "1") + R"(,"Key":")" + path + R"(","Flags":0,"Value":")" +
                      base64(value) + R"(","CreateIndex":1,"ModifyIndex":)" + std::to_string(modified);
    if (!session.empty()) out += R"(,"Session":")" + session + '"';
    return out + '}';
}

inline std::string member(const std::string& host, const std::string& role, const std::string& state = "running") {
    return R"({"conn_url":"postgres://)" + host + R"(:5432/postgres","api_url":"http://)" + host + R"(:8008/patroni","state":")" + state +
           R"(","role":")" + role + R"(","version":"3.0.0","xlog_location":100,"timeline":1})";
}

inline constexpr const char* agent_self =
    R"({"Config":{"Datacenter":"dc1","NodeName":"me","Server":true,"Version":"1.8.7"},"DebugConfig":{"DNSDomain":"consul.","DNSOnlyPassing":false},"Member":{"Name":"me"}})";

}  // namespace fake
