// Resolves the host names of upstreams (`server=dns.example`). dnsmasq resolves them once at its start and ends if that fails. lictor
// resolves them periodically, so an upstream may change its address or start after lictor. The sources are /etc/hosts and the nameservers
// of /etc/resolv.conf except lictor itself, then lictor's own upstreams. Used on the control thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "resolver/control/host_resolver.hpp"

namespace lictor::control {

/// Each name is looked up every second until all have an address, then every 30 s. A failure is logged once.
class NamedUpstreams {
public:
    /// `changed` is called on the loop when a name has other addresses than before, never during `set_names`. `own`: a resolver with
    /// lictor's upstreams, asked second. `loop`, `random` and `own` must outlive this object.
    NamedUpstreams(loop::Loop& loop, Random& random, HostResolver& own, std::function<void()> changed);

    /// The names to look up, and the endpoints that lictor listens on, which are never queried. New names are looked up
    /// on the next turn of the loop; the addresses of names that are left out are dropped.
    void set_names(std::vector<std::string> names, const std::vector<Endpoint>& own_endpoints);
    /// True if each name was looked up, found or not, and `changed` was called.
    bool settled() const;
    /// By name, sorted; a name whose look-ups failed so far has no entry, and one that has failed since keeps its last addresses.
    const std::map<std::string, std::vector<Address>>& addresses() const { return addresses_; }

private:
    enum class Names : std::uint8_t { all, without_address };
    void look_up(Names which);
    void found(const std::string& name, const catalog::HostAnswer& answer);

    HostResolver system_;  ///< /etc/hosts and /etc/resolv.conf
    HostResolver& own_;
    std::vector<std::string> names_;
    std::vector<Endpoint> own_endpoints_;
    std::map<std::string, std::vector<Address>> addresses_;
    std::map<std::string, bool> failed_;  ///< true: the last look-up failed, and the failure was logged
    loop::Timer again_, soon_, report_;
};

}  // namespace lictor::control
