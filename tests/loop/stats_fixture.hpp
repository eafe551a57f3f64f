// Runs a stats server with a sample Status in a thread of its own, with a client that sends raw bytes.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstring>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "resolver/endpoint/server.hpp"
#include "tests/unit/stats_sample.hpp"
#include "watch/loop/loop.hpp"

namespace lictor::test {

/// The server is used only in the loop's thread; the test thread uses sockets and reads counters.
class StatsServerFixture {
public:
    explicit StatsServerFixture(const std::string& address, std::vector<std::string> hosts = {"monitor.example"},
                                const std::string& outside = "pg") {
        auto opened = endpoint::StatsServer::open(address, hosts, counters);
        if (!opened) FAIL(opened.error().text);
        server_ = *std::move(opened);
        address_ = server_->address();
        status_ = sample_.make(outside);
        thread_ = std::thread([this] { run(); });
        while (!running_) std::this_thread::yield();
    }
    ~StatsServerFixture() {
        wake_.load()->send();
        thread_.join();
    }
    /// As StatsServer::address.
    const std::string& address() const { return address_; }
    /// The names of POST /flush so far; `*` for all entries. May be called by any thread.
    std::vector<std::string> flushed() {
        const std::lock_guard lock(mutex_);
        return flushed_;
    }
    /// The longest time between two ticks of the loop (5 ms apart if it is idle) since the last call.
    milliseconds longest_gap() { return milliseconds(gap_ms_.exchange(0)); }

    metrics::ControlCounters counters;
    documents::Reloaded reload_result;  ///< of POST /reload; to be set before the request

private:
    void run() {
        loop::Loop loop;
        loop::Wake wake(loop, [&] { loop.stop(); });
        wake_ = &wake;
        Now last = loop::Loop::now();
        loop::Timer beat(loop, [&] {
            const auto gap = std::chrono::duration_cast<milliseconds>(loop::Loop::now() - std::exchange(last, loop::Loop::now())).count();
            if (gap > gap_ms_) gap_ms_ = gap;
        });
        beat.repeat(milliseconds(5));
        std::vector<std::function<void()>> later;
        loop::Timer reply_later(loop, [&] {
            for (auto& done : std::exchange(later, {})) done();
        });
        const auto started =
            server_->start(loop, {.status = [this] { return status_; },
                                  .flush =
                                      [this](std::optional<wire::Name> name, const documents::Flushed& done) {
                                          const std::lock_guard lock(mutex_);
                                          flushed_.push_back(name ? name->text() : "*");
                                          done(flushed_.size());
                                      },
                                  .explain =
                                      [&](const wire::Name& name, std::uint16_t type, const documents::Explained& done) {
                                          // The reply comes later, as from a worker; for this name it never comes.
                                          if (name.text() == "never.example") return;
                                          later.push_back([done, name, type] {
                                              done("{\"name\":\"" + name.text() + "\",\"type\":\"" + std::to_string(type) + "\"}\n");
                                          });
                                          reply_later.start(milliseconds(20));
                                      },
                                  .reload =
                                      [this] {
                                          const std::lock_guard lock(mutex_);
                                          return reload_result;
                                      }});
        ensure(static_cast<bool>(started), "the server starts");
        running_ = true;
        loop.run();
        server_.reset();
    }

    StatsSample sample_;
    documents::Status status_;
    std::unique_ptr<endpoint::StatsServer> server_;
    std::string address_;
    std::atomic<loop::Wake*> wake_ = nullptr;
    std::atomic<bool> running_ = false;
    std::atomic<std::int64_t> gap_ms_ = 0;
    std::mutex mutex_;
    std::vector<std::string> flushed_;
    std::thread thread_;
};

/// Blocks: reads wait for the time that is given.
class StatsClient {
public:
    /// `address` as StatsServer::address returns it: `127.0.0.1:port` or a path.
    explicit StatsClient(const std::string& address) {
        if (address.starts_with('/')) {
            sockaddr_un at{};
            at.sun_family = AF_UNIX;
            std::strcpy(at.sun_path, address.c_str());
            fd_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
            REQUIRE(::connect(fd_, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0);
            return;
        }
        sockaddr_in at{};
        at.sin_family = AF_INET;
        at.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
        at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        REQUIRE(::connect(fd_, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0);
    }
    ~StatsClient() { ::close(fd_); }
    StatsClient(const StatsClient&) = delete;
    StatsClient& operator=(const StatsClient&) = delete;

    /// False if the server has closed the connection.
    bool send(std::string_view bytes) {
        while (!bytes.empty()) {
            const auto sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent <= 0) return false;
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        }
        return true;
    }
    struct Reply {
        int code = 0;  ///< 0: no reply
        std::string head, body;
        /// Value of the first header of this name, case-sensitive; empty if there is none.
        std::string header(const std::string& name) const {
            const auto at = head.find("\r\n" + name + ": ");
            if (at == std::string::npos) return "";
            const auto begin = at + name.size() + 4;
            return head.substr(begin, head.find("\r\n", begin) - begin);
        }
    };
    /// One whole reply; `head_only` for the reply to a HEAD. `within_ms`: for each read. Code 0 if none arrives in time.
    Reply receive(bool head_only = false, int within_ms = 10'000) {
        Reply reply;
        std::size_t end = std::string::npos;
        while ((end = left_.find("\r\n\r\n")) == std::string::npos)
            if (!more(within_ms)) return reply;
        reply.head = left_.substr(0, end + 2);
        left_.erase(0, end + 4);
        reply.code = std::stoi(reply.head.substr(9, 3));
        const auto length = reply.header("Content-Length");
        if (head_only || length.empty()) return reply;
        while (left_.size() < std::stoul(length))
            if (!more(within_ms)) return {};
        reply.body = left_.substr(0, std::stoul(length));
        left_.erase(0, reply.body.size());
        return reply;
    }
    Reply ask(std::string_view request) {
        send(request);
        return receive(request.starts_with("HEAD"));
    }
    /// Milliseconds until the server closes the connection; -1 if it does not within the time.
    std::int64_t closed_after_ms(int within_ms) {
        const auto begin = std::chrono::steady_clock::now();
        const auto spent = [&] {
            return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin).count();
        };
        while (spent() < within_ms)
            if (!more(static_cast<int>(within_ms - spent())) && ended_) return spent();
        return -1;
    }

private:
    bool more(int within_ms) {
        pollfd watched{fd_, POLLIN, 0};
        if (::poll(&watched, 1, within_ms) <= 0) return false;
        char buffer[65536];
        const auto got = ::recv(fd_, buffer, sizeof buffer, 0);
        ended_ = got <= 0;
        if (got <= 0) return false;
        left_.append(buffer, static_cast<std::size_t>(got));
        return true;
    }

    int fd_ = -1;
    bool ended_ = false;
    std::string left_;
};

/// A request as an ordinary client sends it.
inline std::string plain_request(const std::string& path, const std::string& method = "GET", const std::string& headers = "",
                                 const std::string& host = "127.0.0.1:9153") {
    return method + ' ' + path + " HTTP/1.1\r\nHost: " + host + "\r\n" + headers + "\r\n";
}

}  // namespace lictor::test
