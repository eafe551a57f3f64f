// Works on the text of the names. An alias that a hosts file hides is counted too: its zone's serial then also rises with that leader.
#include "conf/options/leader_zones.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "conf/options/options.hpp"

namespace lictor::conf {
namespace {

constexpr std::size_t chain_max = 8;  ///< as a query follows them

std::string_view parent(std::string_view name) {
    const auto dot = name.find('.');
    return dot == std::string_view::npos ? std::string_view() : name.substr(dot + 1);
}

bool is_below_or_equal(std::string_view name, std::string_view domain) {
    if (name.size() <= domain.size()) return name == domain;
    return name.ends_with(domain) && name[name.size() - domain.size() - 1] == '.';
}

/// The aliases of the configuration by name, found as queries find them.
class Aliases {
public:
    explicit Aliases(const Options& options) {
        for (const CnameRule& rule : options.cname)
            for (const auto& alias : rule.aliases) targets_.try_emplace(alias, rule.target);
    }

    /// The target of `*.domain` with the longest domain at or above `name`; null if there is none.
    const std::string* starred(std::string_view name) const {
        for (std::string_view at = name; !at.empty(); at = parent(at))
            if (const auto found = targets_.find("*." + std::string(at)); found != targets_.end()) return &found->second;
        return nullptr;
    }
    /// The end of the chain of aliases that begins with `target`.
    std::string end_of(std::string target) const {
        for (std::size_t links = 0; links < chain_max; ++links) {
            const auto exact = targets_.find(target);
            const auto* next = exact != targets_.end() ? &exact->second : starred(parent(target));
            if (!next) break;
            target = *next;
        }
        return target;
    }

private:
    std::map<std::string, std::string, std::less<>> targets_;
};

}  // namespace

bool may_name_leader(std::string_view name) {
    std::string_view rest = parent(name);
    if (rest.starts_with("leader.")) return true;
    for (; !rest.empty(); rest = parent(rest))
        if (rest.starts_with("service.")) return true;
    return false;
}

bool is_in_consul_domain(const Options& options, std::string_view domain) {
    if (options.consul_domain.empty()) return is_below_or_equal(domain, "consul");
    return std::any_of(options.consul_domain.begin(), options.consul_domain.end(),
                       [&](const std::string& consul) { return is_below_or_equal(domain, consul); });
}

std::vector<LeaderZone> leader_zones(const Options& options) {
    if (options.leader_soa.empty() || options.consul_http_addr.empty()) return {};
    const Aliases aliases(options);
    std::map<std::string, std::set<std::string>, std::less<>> zones;
    for (const auto& domain : options.leader_soa)
        if (!is_in_consul_domain(options, domain)) zones[domain];
    for (const CnameRule& rule : options.cname) {
        const std::string end = aliases.end_of(rule.target);
        if (!may_name_leader(end)) continue;
        for (const auto& alias : rule.aliases)
            for (const auto& domain : options.leader_soa)
                for (std::string_view at = parent(alias); zones.contains(domain) && is_below_or_equal(at, domain); at = parent(at))
                    zones[std::string(at)].insert(end);
    }
    std::vector<LeaderZone> found;
    for (auto& [name, targets] : zones) {
        // Names below this one without an alias of their own match the nearest `*.`.
        if (const auto* target = aliases.starred(name))
            if (auto end = aliases.end_of(*target); may_name_leader(end)) targets.insert(std::move(end));
        if (!targets.empty()) found.push_back({name, {targets.begin(), targets.end()}});
    }
    return found;
}

}  // namespace lictor::conf
