// The datacenter of a name is the one that its labels name, as in every other answer.
#include "resolver/zone/operator_route.hpp"

#include <algorithm>

#include "resolver/rules/domain_match.hpp"
#include "resolver/wire/constants.hpp"
#include "resolver/zone/name.hpp"

namespace lictor::zone {

bool leads_to_consul(const rules::Rules& rules, const rules::UpstreamGroup& route, const wire::Name& lower, const wire::Name& domain,
                     const catalog::ConsulSettings& settings) {
    const bool agent = std::any_of(route.members.begin(), route.members.end(), [&](std::uint32_t at) {
        const rules::Upstream& upstream = rules.upstreams[at];
        return upstream.agent_dns || upstream.endpoint.port == agent_dns_port;
    });
    if (!agent) return false;
    ZoneName name;
    name.parse(lower, domain, rrtype::any, settings);
    return name.datacenter.empty();
}

const rules::UpstreamGroup* operator_route(const rules::Rules& rules, const wire::Name& lower, const wire::Name& domain,
                                           const catalog::ConsulSettings& settings) {
    const rules::UpstreamGroup* found = nullptr;
    rules::for_each_domain(rules, lower, [&](const wire::Name& at, const rules::DomainLines& place) {
        if (at.size() < domain.size()) return true;
        if (place.route && !leads_to_consul(rules, *place.route, lower, domain, settings)) found = place.route;
        return found != nullptr || place.wildcard != nullptr;
    });
    return found;
}

}  // namespace lictor::zone
