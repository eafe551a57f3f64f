// Selects the part of the zone that answers a query or the target of an alias.
#include "resolver/zone/zone.hpp"

#include <algorithm>

#include "conf/metrics/causes.hpp"
#include "resolver/zone/leader.hpp"
#include "resolver/zone/name.hpp"
#include "resolver/zone/node.hpp"
#include "resolver/zone/replica.hpp"
#include "resolver/zone/reply.hpp"
#include "resolver/zone/service.hpp"

namespace lictor::zone {
namespace {

bool has_locks(const catalog::Catalog& catalog) {
    return std::ranges::any_of(*catalog.leaders, [](const auto& item) { return item.second->lock; });
}

/// The cluster or lock that may answer the name; null for ordinary names.
const catalog::LeaderEntry* find_cluster(const ZoneName& name, const catalog::Catalog& catalog) {
    return name.role == ClusterRole::none ? nullptr : catalog::find_leader(catalog, name.service);
}

/// The answer of a cluster or lock as records of `owner`; nothing if the name is an ordinary one.
std::optional<Outcome> add_cluster(ZoneReply& reply, const ZoneName& name, const wire::Name& owner, const Into& into) {
    const catalog::LeaderEntry* cluster = find_cluster(name, reply.catalog);
    if (!cluster) return std::nullopt;
    return name.role == ClusterRole::leader ? add_leader(reply, *cluster, owner, into) : add_members(reply, name, *cluster, owner, into);
}

Outcome answer_name(ZoneReply& reply, const ZoneName& name) {
    const auto cluster = add_cluster(reply, name, reply.question.name, Into{.type = reply.question.type});
    if (cluster) return *cluster;
    switch (name.kind) {
        case ZoneKind::service: return answer_service(reply, name);
        case ZoneKind::node: return answer_node(reply, name);
        case ZoneKind::address: return answer_hex_address(reply, name);
        case ZoneKind::escaped:
            return reply.agent.looks_up_all_types || is_node_type(reply.question.type) ? Outcome::no_name : Outcome::answered;
        case ZoneKind::empty_service: return Outcome::refused;
        case ZoneKind::agent_only: return Outcome::delegate;
        case ZoneKind::inner:
            if (name.datacenter == "leader" && has_locks(reply.catalog)) return Outcome::no_data;
            if (!reply.agent.keeps_empty_names) break;
            if (name.datacenter.empty() || is_known_datacenter(reply.catalog, name.datacenter)) return Outcome::no_data;
            break;
        case ZoneKind::lock:
        case ZoneKind::nothing: break;
    }
    return Outcome::no_name;
}

/// Adds the records of `name`, which is the target of an alias, in Consul's domain.
Outcome add_name(ZoneReply& reply, const ZoneName& name, const wire::Name& owner, const wire::Name* addr_domain, const Into& into) {
    if (const auto cluster = add_cluster(reply, name, owner, into)) return *cluster;
    switch (name.kind) {
        case ZoneKind::service: return add_service(reply, name, owner, into);
        case ZoneKind::node: return add_node(reply, name, owner, into);
        case ZoneKind::address: return add_hex_address(reply, name, owner, addr_domain, into);
        case ZoneKind::agent_only: return Outcome::delegate;
        default: return Outcome::no_name;
    }
}

}  // namespace

Outcome add_target(ZoneReply& reply, const wire::Name& target, const Into& into, const wire::Name* flat_owner) {
    const wire::Name lower = target.lower();
    const wire::Name& owner = into.flat && flat_owner ? *flat_owner : target;
    const auto domain = consul_domain_of(reply, lower);
    if (!domain) return add_host(reply, owner, lower, into);
    if (into.nesting < 1) return Outcome::no_data;
    Into inner = into;
    --inner.nesting;
    inner.type = reply.agent.follows_as_any && !into.leader ? rrtype::any : address_type(into.type);
    ZoneName name;
    name.parse(lower, *domain, rrtype::any, reply.settings, ZoneName::Letters::registered, into.registered);
    inner.registered = {};
    return add_name(reply, name, owner, &owner == &target ? &*domain : nullptr, inner);
}

std::optional<answer::Answer> answer_zone(const wire::Question& question, const wire::Name& domain, const ZoneContext& context,
                                          std::span<std::uint8_t> buffer) {
    ZoneReply reply(question, domain, context, buffer);
    const bool away = question.type == rrtype::ds && reply.agent.sends_ds_to_recursors && reply.settings.recursors;
    if (away && !is_leader_name(question, domain, context.catalog)) return std::nullopt;
    if (!question.lower.is_below_or_equal(domain)) return reply.finish(answer_reverse(reply));
    switch (question.type) {
        case rrtype::soa:
            if (answer_leader_soa(reply)) return reply.finish(Outcome::answered);
            [[fallthrough]];
        case rrtype::ns: return reply.finish(answer_apex(reply));
        case rrtype::axfr: return reply.fail(answer::Cause::zone_transfer);
        default: break;
    }
    ZoneName name;
    name.parse(question.lower, domain, question.type, reply.settings);
    return reply.finish(answer_name(reply, name));
}

bool is_leader_name(const wire::Question& question, const wire::Name& domain, const catalog::Catalog& catalog, std::string* service) {
    if (catalog.leaders->empty() || !question.lower.is_below_or_equal(domain)) return false;
    ZoneName name;
    name.parse(question.lower, domain, question.type, *catalog.settings);
    const catalog::LeaderEntry* leader = name.role == ClusterRole::leader ? find_cluster(name, catalog) : nullptr;
    if (leader && service) *service = leader->service;
    return leader != nullptr;
}

}  // namespace lictor::zone
