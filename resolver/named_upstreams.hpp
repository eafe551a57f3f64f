// Where are the upstreams that the configuration names instead of giving their addresses (`server=dns.example`)? dnsmasq looks once, at
// the start, and ends if nobody knows; here they are looked up again and again: a container that moves is followed, and a start does not
// depend on who starts first. /etc/hosts and the nameservers of /etc/resolv.conf are asked, as libc would, but never lictor itself; where
// they do not know, lictor's own upstreams are.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "resolver/host_resolver.hpp"

namespace lictor {

class NamedUpstreams {
public:
    /// `changed`: a name leads elsewhere than before.
    NamedUpstreams(Loop& loop, Random& random, HostResolver& own, std::function<void()> changed);

    /// The names of the configuration, and the endpoints that are lictor's own; looks for names that are new.
    void want(std::vector<std::string> names, const std::vector<Endpoint>& own_endpoints);
    /// Whether each name was found, or looked for in vain, and `changed` was told.
    bool settled() const;
    const std::map<std::string, std::vector<Address>>& addresses() const { return addresses_; }

private:
    void look(bool only_new);
    void found(const std::string& name, const HostAnswer& answer);

    HostResolver system_;        ///< /etc/hosts and /etc/resolv.conf
    HostResolver& own_;
    std::vector<std::string> names_;
    std::vector<Endpoint> own_endpoints_;
    std::map<std::string, std::vector<Address>> addresses_;
    std::map<std::string, bool> told_;      ///< whether it was said that a name is not known
    Timer again_, soon_, tell_;
};

}  // namespace lictor
