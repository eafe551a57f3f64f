// The listening socket of the stats endpoint: an address of TCP or a path of a unix socket, bound before the user is dropped. Knows
// nothing of HTTP.
#pragma once

#include <string>

#include "conf/base/address.hpp"
#include "conf/base/result.hpp"

namespace lictor {

/// Owner of a listening, non-blocking socket. The file of a unix socket goes with it.
class StatsListener {
public:
    /// `host:port` (an IP address, IPv6 in brackets, or `localhost`) or `unix:///path`. A unix socket that nobody serves any more is
    /// replaced; its file is for user and group (0660).
    static Result<StatsListener> open(const std::string& address);
    StatsListener(StatsListener&& other) noexcept;
    StatsListener& operator=(StatsListener&& other) noexcept;
    ~StatsListener();

    int fd() const { return fd_; }
    bool is_unix() const { return !path_.empty(); }
    /// `host:port` with the port that the kernel gave, or the path.
    std::string address() const;

private:
    StatsListener(int fd, Endpoint endpoint, std::string path) : fd_(fd), endpoint_(endpoint), path_(std::move(path)) {}

    int fd_ = -1;
    Endpoint endpoint_;
    std::string path_;
};

/// The endpoint that `host:port` names, `localhost` being 127.0.0.1.
Result<Endpoint> stats_endpoint(const std::string& address);

}  // namespace lictor
