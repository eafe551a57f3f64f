// For which names does `leader-soa` answer the SOA, and to which names do the aliases (`cname`) below each of them lead?
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "conf/options/options_fwd.hpp"

namespace lictor::conf {

/// A name at or below a `leader-soa` domain that has aliases of leaders' names below it. Names are lower case, without a dot at the end.
struct LeaderZone {
    std::string name;
    std::vector<std::string> targets;  ///< ends of the chains of these aliases, each once, in ascending order; never empty
    bool operator==(const LeaderZone&) const = default;
};

/// True if a name of this form may be a leader's, whatever Consul's domain is: `….<service>.service.<…>`, `<service>.service.<…>` or
/// `<lock>.leader.<…>`.
bool may_name_leader(std::string_view name);

/// True if `leader-soa` has no effect for this domain, because it is in a Consul domain: those have a SOA already.
bool is_in_consul_domain(const Options& options, std::string_view domain);

/// All such names, in ascending order: each `leader-soa` domain and the names between it and its aliases. None without Consul.
std::vector<LeaderZone> leader_zones(const Options& options);

}  // namespace lictor::conf
