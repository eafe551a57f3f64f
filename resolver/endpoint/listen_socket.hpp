// The listen socket of the stats endpoint: TCP or a unix socket, bound before privileges are dropped.
#pragma once

#include <string>

#include "conf/base/address.hpp"
#include "conf/base/result.hpp"

namespace lictor::endpoint {

/// Owns a listening, non-blocking socket; the destructor closes it and removes the file of a unix socket, if its rights suffice.
class StatsListener {
public:
    /// `host:port` (an IP address, IPv6 in brackets, or `localhost`) or `unix:///path`. The file of a unix socket that no process serves is
    /// replaced; its mode is 0660. An address that this machine does not have is bound, too, and served when it comes. Before any thread:
    /// the umask of the process is changed for a moment. The error begins with "stats-address=ADDRESS: ".
    static Result<StatsListener> open(const std::string& address);
    StatsListener(StatsListener&& other) noexcept;
    StatsListener& operator=(StatsListener&& other) noexcept;
    ~StatsListener();

    int fd() const { return fd_; }
    bool is_unix() const { return !path_.empty(); }
    /// Other machines can reach it.
    bool is_network() const { return !is_unix() && !endpoint_.address.is_loopback(); }
    /// This machine did not have the address at `open`.
    bool address_absent() const { return absent_; }
    /// `host:port` with the real port, or the path.
    std::string address() const;

private:
    StatsListener(int fd, Endpoint endpoint, std::string path) : fd_(fd), endpoint_(endpoint), path_(std::move(path)) {}

    int fd_ = -1;
    bool absent_ = false;
    Endpoint endpoint_;
    std::string path_;
};

/// Parses `host:port` as `StatsListener::open` takes it; `localhost` is 127.0.0.1. The error names the accepted forms.
Result<Endpoint> stats_endpoint(const std::string& address);

}  // namespace lictor::endpoint
