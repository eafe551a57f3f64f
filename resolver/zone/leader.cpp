// Finds the one address of a leader from its entry, and writes the records.
#include "resolver/zone/leader.hpp"

namespace lictor::zone {
namespace {

using Section = ZoneReply::Section;

/// Where the leader is, for one answer.
struct Location {
    const catalog::HostText* host = nullptr;
    const catalog::HostText* node_address = nullptr;  ///< used if `host` is a name without an address
    std::uint16_t port = 0, weight = 1;
};

/// While the keys cannot be read, the leader is the instance with the leader tag.
Outcome location_by_tags(ZoneReply& reply, const catalog::LeaderEntry& leader, std::uint16_t type, Location& location) {
    const catalog::ServiceEntry* entry = nullptr;
    const Outcome found = reply.find_service(leader.service, {}, entry);
    if (found == Outcome::wait || found == Outcome::expired) return found;
    if (found != Outcome::answered) return reply.wait_for_leader(leader.service);
    const catalog::Instance* first = catalog::tagged_leader(*entry, reply.settings);
    if (!first) return reply.wait_for_leader(leader.service);
    const Target target = target_of(*first, type, reply.question.name, false);
    if (target.kind == Target::Kind::none) return reply.wait_for_leader(leader.service);
    location = {target.host, &node_address(*first->node, type, false), static_cast<std::uint16_t>(catalog::srv_port(*first, false)),
                first->weight};
    return Outcome::answered;
}

Outcome find_location(ZoneReply& reply, const catalog::LeaderEntry& leader, std::uint16_t type, Location& location) {
    if (!reply.name_leader(leader.service)) return reply.wait_for_leader(leader.service);
    switch (leader.state) {
        case catalog::LeaderState::led: location = {&leader.host, &leader.node_address, leader.port, 1}; return Outcome::answered;
        case catalog::LeaderState::loading:
        case catalog::LeaderState::vacant: return reply.wait_for_leader(leader.service);
        case catalog::LeaderState::standby: return Outcome::no_data;
        case catalog::LeaderState::unreadable: return location_by_tags(reply, leader, type, location);
        case catalog::LeaderState::gone: break;
    }
    return Outcome::no_name;
}

Outcome add_address(ZoneReply& reply, const Address& address, const wire::Name& owner, const Into& into) {
    if (!serves(into.type, address)) return Outcome::no_data;
    if (into.take(owner, address)) reply.put_address(into.section, owner, 0, address);
    return Outcome::answered;
}

/// For a host that is a name: an alias and the name's address, else the node's address.
Outcome add_named(ZoneReply& reply, const catalog::LeaderEntry& leader, const Location& location, const wire::Name& owner,
                  const Into& into) {
    const auto target = name_of(*location.host);
    Outcome outcome = Outcome::no_name;
    if (target) {
        const auto mark = reply.mark();
        if (!into.flat) reply.put_name(into.section, owner, rrtype::cname, 0, *target);
        outcome = add_target(reply, *target, into, &owner);
        if (outcome == Outcome::answered || outcome == Outcome::wait) return outcome;
        reply.rewind(mark);
        if (outcome == Outcome::no_data && !is_dead_end(reply, *location.host))
            return outcome;  // the host has addresses, but of the other family
    }
    if (location.node_address->ip) return add_address(reply, *location.node_address->ip, owner, into);
    return reply.wait_for_leader(leader.service);
}

Outcome answer_srv(ZoneReply& reply, const catalog::LeaderEntry& leader, const Location& location) {
    const wire::Name& owner = reply.question.name;
    const Into into{.section = Section::additional, .type = rrtype::srv, .ttl = 0, .one = true, .leader = true};
    if (!location.host->ip) {
        if (const auto target = name_of(*location.host)) {
            const auto mark = reply.mark();
            reply.put_srv(owner, 0, location.weight, location.port, *target);
            const Outcome outcome = add_target(reply, *target, into);
            if (outcome == Outcome::answered || outcome == Outcome::wait) return outcome;
            reply.rewind(mark);
        }
        if (!location.node_address->ip) return reply.wait_for_leader(leader.service);
    }
    const Address& address = location.host->ip ? *location.host->ip : *location.node_address->ip;
    const wire::Name target = reply.addr_name(address, {});
    reply.put_srv(owner, 0, location.weight, location.port, target);
    reply.put_address(Section::additional, target, 0, address);
    return Outcome::answered;
}

/// The leader's service at or above a name, and how many labels the name has below it. `lower` is at or below `domain`.
struct Apex {
    const catalog::LeaderEntry* leader = nullptr;
    std::size_t below = 0;
};
Apex apex_of(const wire::Name& lower, const wire::Name& domain, const catalog::Catalog& catalog) {
    // From the domain down: the first name that is a leader's service is the zone.
    for (std::size_t below = lower.label_count() - domain.label_count(); below-- > 0;) {
        ZoneName name;
        const wire::Name at = lower.parent(below);
        name.parse(at, domain, rrtype::any, *catalog.settings);
        if (name.kind == ZoneKind::service && name.role == ClusterRole::plain) return {catalog::find_leader(catalog, name.service), below};
    }
    return {};
}

}  // namespace

Outcome add_leader(ZoneReply& reply, const catalog::LeaderEntry& leader, const wire::Name& owner, const Into& into) {
    reply.note_leader(leader.service);
    if (reply.context.witness) reply.context.witness->leader(leader);
    if (!serves_addresses(into.type)) return Outcome::no_data;  // also in a gap: a new leader would not change this
    Location location;
    if (const Outcome found = find_location(reply, leader, into.type, location); found != Outcome::answered) return found;
    if (into.type == rrtype::srv) return answer_srv(reply, leader, location);
    Into one = into;
    one.ttl = one.host_ttl = 0;
    one.one = one.leader = true;
    // For TXT the address is answered, as for any service; an alias is then followed for both families.
    if (location.host->ip) return add_address(reply, *location.host->ip, owner, one);
    one.type = address_type(one.type);
    return add_named(reply, leader, location, owner, one);
}

bool answer_leader_soa(ZoneReply& reply) {
    if (!reply.agent.has_leader_zones || reply.catalog.leaders->empty()) return false;
    const Apex apex = apex_of(reply.question.lower, reply.domain, reply.catalog);
    if (!apex.leader) return false;
    const view::RuntimeEntry* runtime = reply.runtime_of(apex.leader->service);
    reply.note_leader(apex.leader->service);
    reply.put_leader_soa(reply.question.name.parent(apex.below), runtime ? runtime->serial : 0);
    return true;
}

const view::RuntimeEntry* leader_behind(const wire::Name& lower, const catalog::Catalog& catalog, const view::LeaderRuntime& runtime) {
    for (const auto& text : catalog.settings->domains) {
        const auto domain = wire::Name::parse(text);
        if (!domain || !lower.is_below_or_equal(domain->lower())) continue;
        ZoneName name;
        name.parse(lower, domain->lower(), rrtype::any, *catalog.settings);
        const auto* leader =
            name.kind == ZoneKind::lock ? catalog::find_leader(catalog, name.service) : apex_of(lower, domain->lower(), catalog).leader;
        if (!leader) continue;
        const auto found = runtime.find(leader->service);
        return found == runtime.end() ? nullptr : found->second.get();
    }
    return nullptr;
}

}  // namespace lictor::zone
