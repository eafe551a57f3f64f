// A fake Consul: answers GET requests, with blocking queries, over TCP or a unix socket from its own threads. A test can send any bytes as
// the reply of a path.
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

#include "tests/support/base64.hpp"

namespace fake {

/// A GET request, not decoded.
struct Request {
    std::string target, path;                           ///< with and without the query
    std::map<std::string, std::string> query, headers;  ///< header names in lower case
    /// Of a blocking query; 0 without one.
    std::uint64_t index() const {
        const auto at = query.find("index");
        return at == query.end() ? 0 : std::stoull(at->second);
    }
    bool stale() const { return query.count("stale") > 0; }
};

struct Reply {
    int status = 200;
    std::uint64_t index = 0;  ///< 0 = no header
    std::string body{};
    std::string headers{};  ///< further header lines, each with its CRLF
};

/// A reply as HTTP/1.1; chunks of 100 bytes if `chunked`.
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

/// A path without reply and handler gives 404 with index 1. A blocking query waits until the index changes, 30 s at most.
class Consul {
public:
    /// One connection, for handlers that write raw bytes.
    class Connection {
    public:
        explicit Connection(int fd) : fd_(fd) {}
        bool send(std::string_view bytes) const {
            while (!bytes.empty()) {
                const auto sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
                if (sent <= 0) return false;
                bytes.remove_prefix(static_cast<std::size_t>(sent));
            }
            return true;
        }
        /// Ends the connection in both directions.
        void cut() const { ::shutdown(fd_, SHUT_RDWR); }
        /// The close of the connection will be a RST (SO_LINGER of 0 s, socket(7)); closes nothing itself.
        void reset() const {
            const linger now{1, 0};
            ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        }
        /// The peer has closed.
        bool gone() const {
            char byte;
            return ::recv(fd_, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
        }

    private:
        int fd_;
    };
    /// Runs on threads of the server until `stop` or the destructor: what it refers to must outlive the Consul.
    using Handler = std::function<void(const Request&, const Connection&)>;

    /// Listens on 127.0.0.1, port 0: chosen by the kernel; or at the path. Aborts if it cannot bind.
    explicit Consul(std::uint16_t port = 0, std::string unix_path = {}) : unix_path_(std::move(unix_path)) { listen(port); }
    ~Consul() { stop(); }
    Consul(const Consul&) = delete;
    Consul& operator=(const Consul&) = delete;

    std::uint16_t port() const { return port_; }
    std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

    /// Sets the reply of a path; blocking queries with a smaller index are answered.
    void set(const std::string& path, Reply reply) {
        const std::lock_guard lock(mutex_);
        facts_[path] = std::move(reply);
        changed_.notify_all();
    }
    /// Lets `handler` answer the path. Null removes it.
    void handle(const std::string& path, Handler handler) {
        const std::lock_guard lock(mutex_);
        if (handler) handlers_[path] = std::move(handler);
        else handlers_.erase(path);
        changed_.notify_all();
    }
    /// Lets `handler` answer every request. Null removes it.
    void handle_all(Handler handler) {
        const std::lock_guard lock(mutex_);
        all_ = std::move(handler);
        changed_.notify_all();
    }
    /// Requests received so far, in order, of one path or of all.
    std::vector<Request> requests(const std::string& path = {}) const {
        const std::lock_guard lock(mutex_);
        std::vector<Request> found;
        for (const auto& request : requests_)
            if (path.empty() || request.path == path) found.push_back(request);
        return found;
    }
    std::size_t count(const std::string& path = {}) const { return requests(path).size(); }
    /// Accepted since the start, and open now.
    std::size_t connections() const { return accepted_; }
    std::size_t open_connections() const {
        const std::lock_guard lock(mutex_);
        return fds_.size();
    }

    /// Closes the listening socket and all connections; returns when no thread of the server runs.
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
    /// After `stop`: listens on the same port, with the same replies.
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
            if (!answer(request, Connection(fd))) return leave(fd);
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

    bool answer(const Request& request, const Connection& connection) {
        std::unique_lock lock(mutex_);
        requests_.push_back(request);
        const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
        for (;;) {
            if (stopping_) return false;
            auto handler = all_;
            if (const auto at = handlers_.find(request.path); !handler && at != handlers_.end()) handler = at->second;
            if (handler) {
                lock.unlock();
                handler(request, connection);
                return true;
            }
            const auto at = facts_.find(request.path);
            if (at == facts_.end()) {
                lock.unlock();
                return connection.send(bytes_of({.status = 404, .index = 1, .body = {}, .headers = {}}));
            }
            const auto& fact = at->second;
            if (fact.index == 0 || request.index() == 0 || request.index() != fact.index) {
                const auto bytes = bytes_of(fact);
                lock.unlock();
                return connection.send(bytes);
            }
            if (changed_.wait_until(lock, until) == std::cv_status::timeout) {
                const auto bytes = bytes_of(fact);
                lock.unlock();
                return connection.send(bytes);
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

/// One entry of health/service. `serf`: the state of the node's check.
inline std::string instance(const std::string& service, const std::string& id, const std::string& node, const std::string& address,
                            int port, const std::string& serf = "passing") {
    return R"({"Node":{"ID":"","Node":")" + node + R"(","Address":")" + address +
           R"(","Datacenter":"dc1","TaggedAddresses":null,"Meta":null},"Service":{"ID":")" + id + R"(","Service":")" + service +
           R"(","Tags":["a"],"Address":"","Meta":null,"Port":)" + std::to_string(port) +
           R"(,"Weights":{"Passing":1,"Warning":1}},"Checks":[{"Node":")" + node + R"(","CheckID":"serfHealth","Name":"Serf","Status":")" +
           serf + R"(","ServiceID":"","ServiceName":""}]})";
}

/// One entry of a KV read.
inline std::string key(const std::string& path, const std::string& value, std::uint64_t modify_index, const std::string& session = {}) {
    std::string out = R"({"LockIndex":)" + std::string(session.empty() ? "0" : "1") + R"(,"Key":")" + path + R"(","Flags":0,"Value":")" +
                      lictor::test::encode_base64(value) + R"(","CreateIndex":1,"ModifyIndex":)" + std::to_string(modify_index);
    if (!session.empty()) out += R"(,"Session":")" + session + '"';
    return out + '}';
}

/// The value of a member's key as Patroni 3 writes it.
inline std::string member(const std::string& host, const std::string& role, const std::string& state = "running") {
    return R"({"conn_url":"postgres://)" + host + R"(:5432/postgres","api_url":"http://)" + host + R"(:8008/patroni","state":")" + state +
           R"(","role":")" + role + R"(","version":"3.0.0","xlog_location":100,"timeline":1})";
}

/// The body of /v1/agent/self.
inline constexpr const char* agent_self =
    R"({"Config":{"Datacenter":"dc1","NodeName":"me","Server":true,"Version":"1.8.7"},"DebugConfig":{"DNSDomain":"consul.","DNSOnlyPassing":false},"Member":{"Name":"me"}})";

}  // namespace fake
