// Which interfaces and addresses has this machine, and when does that change? Read with getifaddrs; changes are told by the kernel's
// route socket (rtnetlink(7)), a burst of them once.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "conf/options.hpp"
#include "resolver/core/rules.hpp"
#include "watch/loop/loop.hpp"

namespace lictor {

std::vector<InterfaceAddress> read_interfaces();

/// `eth0`, or `eth*` for any ending.
bool matches_interface(const std::string& pattern, std::string_view name);

/// The addresses that `interface`, `except-interface` and `listen-address` choose. With none of them loopback alone: a service of this
/// node's own, unlike dnsmasq.
std::vector<Endpoint> wanted_endpoints(const Options& options, const std::vector<InterfaceAddress>& interfaces);

/// True if addresses that come later are to be listened on, too (bind-dynamic, or interface names without bind-interfaces).
bool follows_interfaces(const Options& options);

class InterfaceWatch {
public:
    /// `changed` is called on the loop a moment after the last of a burst of changes.
    InterfaceWatch(Loop& loop, std::function<void()> changed);
    ~InterfaceWatch();
    InterfaceWatch(const InterfaceWatch&) = delete;
    InterfaceWatch& operator=(const InterfaceWatch&) = delete;

private:
    void drain();
    int fd_ = -1;
    Timer settle_;
    FdWatch watch_;
};

}  // namespace lictor
