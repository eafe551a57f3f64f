// Checks the causes in order of precedence.
#include "resolver/lifecycle/readiness.hpp"

#include <algorithm>

#include "resolver/rules/resolv_conf.hpp"
#include "resolver/rules/rules.hpp"
#include "resolver/zone/operator_route.hpp"
#include "watch/leader/words.hpp"

namespace lictor::lifecycle {
namespace {

constexpr std::size_t warnings_max = 100;

/// Names are answered by the agent's DNS, because its HTTP API cannot be read; leaders are not followed.
bool is_dns_only(const ReadinessFacts& facts) {
    return facts.consul_on && !facts.consul_gives_way && !facts.consul_read && facts.agent_dns_answers;
}

/// The warning for a leader whose name the operator sends to an upstream; else empty.
std::string forwarded_leader(const catalog::LeaderEntry& entry, const std::string& domain, const catalog::Catalog& catalog,
                             const rules::Rules& rules) {
    if (rules.routes.size() + rules.starred_routes.size() < 2 && rules::default_route(rules)) return {};
    const auto name = wire::Name::parse((entry.lock ? "" : "master.") + entry.service + (entry.lock ? "." : ".service.") + domain);
    const auto apex = wire::Name::parse(domain);
    if (!name || !apex) return {};
    const auto* route = zone::operator_route(rules, name->lower(), apex->lower(), *catalog.settings);
    if (!route || route->members.empty()) return {};
    return "leader " + entry.scope + ": " + name->text() + " is forwarded to " + rules.upstreams[route->members.front()].endpoint.text() +
           " by a server= line, and not answered by the lock (remove the line, or name this Consul agent in consul-dns)";
}

std::string behind_colon(const std::string& why) { return why.empty() ? std::string() : ": " + why; }

}  // namespace

std::string not_ready_because(const ReadinessFacts& facts) {
    if (!facts.workers_alive) return "a worker's loop does not run";
    if (facts.consul_gives_way) {
        if (!facts.has_upstream) return "no Consul agent answers, and there is no upstream" + behind_colon(facts.consul_failure);
    } else if (facts.consul_on && !facts.consul_read && !(is_dns_only(facts) && !facts.has_leader_lines)) {
        return (is_dns_only(facts)
                    ? "the agent's DNS answers, but the leaders need Consul's HTTP API, and the first reads from it are not done"
                    : "the first reads from Consul are not done") +
               behind_colon(facts.consul_failure);
    }
    if (facts.has_loop && !facts.has_upstream) return "the only upstream " + std::string(loop_words);
    if (!facts.upstream_answered) return "no upstream has answered yet";
    return {};
}

std::vector<StandingWarning> standing_warnings(const ReadinessFacts& facts, const catalog::Catalog& catalog, const rules::Rules& rules,
                                               milliseconds leader_hold, Now now) {
    std::vector<StandingWarning> consul;
    if (facts.consul_gives_way)
        consul.push_back({WarningTopic::other, "Consul is not configured, and no agent answers on this machine (" + facts.consul_failure +
                                                   "): names below consul are forwarded until an agent answers"});
    else if (is_dns_only(facts))
        consul.push_back(
            {WarningTopic::other, "Consul's HTTP API cannot be read (" + facts.consul_failure +
                                      "): the agent's DNS is asked for each name, and leaders are not followed (set consul-http-addr)"});
    else if (catalog.contact_lost)
        consul.push_back(
            {WarningTopic::contact, "contact with Consul is lost: the last known answers are given" + behind_colon(facts.consul_failure)});
    if (!facts.has_upstream)
        consul.push_back(
            {WarningTopic::other,
             "there is no upstream for all names: only local data, Consul's names and the domains of server= lines are answered"});
    for (const Endpoint& upstream : rules.looping) consul.push_back({WarningTopic::other, looping_upstream(upstream)});
    std::vector<StandingWarning> warnings;
    for (const auto& [service, entry] : *catalog.leaders) {
        for (const std::string& domain : catalog.settings->domains)
            if (auto line = forwarded_leader(*entry, domain, catalog, rules); !line.empty())
                warnings.push_back({WarningTopic::other, std::move(line)});
        const bool without = entry->state == catalog::LeaderState::vacant || entry->state == catalog::LeaderState::loading;
        if (!without || (entry->reason != catalog::LeaderReason::no_keys && now - entry->since <= leader_hold)) continue;
        warnings.push_back({WarningTopic::leader_without, "leader " + entry->scope + ": " + leader::leader_why(*entry)});
    }
    std::sort(warnings.begin(), warnings.end(), [](const auto& a, const auto& b) { return a.text < b.text; });
    warnings.insert(warnings.begin(), consul.begin(), consul.end());
    if (warnings.size() > warnings_max) warnings.resize(warnings_max);
    return warnings;
}

std::string looping_upstream(const Endpoint& upstream) {
    const bool stub = rules::is_resolved_stub(upstream.address);
    return upstream.text() + (stub ? ", the stub of systemd-resolved, " : " ") + std::string(loop_words) + " and is not used (" +
           (stub ? "set resolv-file=" + std::string(rules::resolved_servers_path) : "name the servers behind it with server=") +
           ", or remove lictor from its upstreams; it is tested again when resolv.conf changes and at a reload)";
}

bool waits_for_upstream(const rules::Rules& rules) {
    const rules::UpstreamGroup* group = rules::find_route(rules, wire::Name{});
    return group && !group->members.empty();
}

}  // namespace lictor::lifecycle
