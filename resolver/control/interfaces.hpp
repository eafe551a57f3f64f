// Which interfaces and addresses does this machine have, and when do they change? They are read with getifaddrs(3); the kernel reports
// changes over its route socket (rtnetlink(7)). Used on the control thread only.
#pragma once

#include <functional>
#include <vector>

#include "conf/options/options_fwd.hpp"
#include "resolver/rules/followed_files.hpp"
#include "watch/loop/loop.hpp"

namespace lictor::control {

/// One row per IP address, also of interfaces that are down. Empty if the kernel refuses. Does not block on the network.
std::vector<rules::InterfaceAddress> read_interfaces();

/// Owns the netlink socket.
class InterfaceWatch {
public:
    /// `changed` is called on the loop, once per burst of changes, 100 ms after the last. Without netlink (a strict sandbox) it is never
    /// called, which is logged.
    InterfaceWatch(loop::Loop& loop, std::function<void()> changed);
    ~InterfaceWatch();
    InterfaceWatch(const InterfaceWatch&) = delete;
    InterfaceWatch& operator=(const InterfaceWatch&) = delete;

private:
    void drain();
    int fd_ = -1;
    loop::Timer settle_;
    loop::FdWatch watch_;
};

}  // namespace lictor::control
