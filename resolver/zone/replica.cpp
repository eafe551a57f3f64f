// Writes records from the members' keys.
#include "resolver/zone/replica.hpp"

#include <algorithm>

#include "watch/leader/replicas.hpp"

namespace lictor::zone {
namespace {

using Section = ZoneReply::Section;

constexpr std::uint16_t primary_first = 10, replica_second = 20;

/// One member, for one answer. Refers to the Catalog.
struct Location {
    const catalog::HostText* host;
    const catalog::HostText* node_address;
    std::uint16_t port, priority;
};
using Locations = NearList<Location, 32>;

/// The service if it is known and has instances.
const catalog::ServiceEntry* registered(const ZoneReply& reply, std::string_view service) {
    const auto found = reply.catalog.services->find(service);
    const bool any =
        found != reply.catalog.services->end() && found->second->state == catalog::FactState::known && !found->second->instances.empty();
    return any ? found->second.get() : nullptr;
}

/// True if the name is answered from the catalog. `outcome` is set if the result does not depend on the members.
bool is_ordinary(ZoneReply& reply, const ZoneName& name, const catalog::LeaderEntry& leader, std::optional<Outcome>& outcome) {
    if (name.role == ClusterRole::none || leader.state == catalog::LeaderState::unreadable) return true;
    if (!leader.replica_set && leader.state != catalog::LeaderState::loading) return true;
    if (name.role == ClusterRole::plain || reply.agent.catalog_before_members) {
        const catalog::ServiceEntry* entry = nullptr;
        const Outcome known = reply.find_service(name.service, {}, entry);
        if (known == Outcome::answered && !entry->instances.empty()) return true;
        if (known == Outcome::wait || known == Outcome::expired) outcome = known;
    } else if (name.role == ClusterRole::sync || name.role == ClusterRole::any) {
        // If instances are registered with this tag, they are the answer.
        const catalog::ServiceEntry* entry = registered(reply, name.service);
        if (entry && catalog::has_tagged(*entry, name.tag)) return true;
    }
    if (reply.catalog.expired) outcome = Outcome::expired;
    return false;
}

/// `answered`: there is at least one member.
Outcome find_locations(ZoneReply& reply, const catalog::LeaderEntry& leader, ClusterRole role, Locations& locations) {
    if (leader.state == catalog::LeaderState::loading) return reply.wait_for_leader(leader.service);
    const catalog::ReplicaSet& set = *leader.replica_set;
    const bool led = leader.state == catalog::LeaderState::led;
    const bool everybody = role == ClusterRole::any || role == ClusterRole::plain;
    // Clients take the first target as the primary, so the answer waits until there is one.
    if (role == ClusterRole::ranked && leader.state == catalog::LeaderState::vacant) return reply.wait_for_leader(leader.service);
    if (led && role == ClusterRole::ranked && !reply.name_leader(leader.service)) return reply.wait_for_leader(leader.service);
    if (led && (everybody || role == ClusterRole::ranked))
        locations.push_back({&leader.host, &leader.node_address, leader.port, primary_first});
    for (const catalog::Replica& replica : set.replicas) {
        const bool taken =
            everybody || (role == ClusterRole::sync      ? replica.as_sync
                          : role == ClusterRole::standby ? replica.standby_leader && leader.state == catalog::LeaderState::standby
                                                         : replica.as_replica);
        if (taken) locations.push_back({&replica.host, &replica.node_address, replica.port, replica_second});
    }
    if (!locations.empty()) return Outcome::answered;
    if (role == ClusterRole::replica && set.leader_last_resort && led) {
        if (!reply.name_leader(leader.service)) return reply.wait_for_leader(leader.service);
        locations.push_back({&leader.host, &leader.node_address, leader.port, primary_first});
        return Outcome::answered;
    }
    // There is no such member now, but one may appear during the hold.
    const bool waits = everybody || (role == ClusterRole::replica && set.leader_last_resort);
    const catalog::LeaderState empty = role == ClusterRole::standby ? catalog::LeaderState::standby : catalog::LeaderState::vacant;
    return (waits || role == ClusterRole::standby) && leader.state == empty ? reply.wait_for_leader(leader.service) : Outcome::no_data;
}

void shuffle(ZoneReply& reply, Locations& locations) {
    Location* items = locations.begin();
    for (std::size_t left = locations.size(); left > 1; --left)
        std::swap(items[left - 1], items[reply.context.random.below(static_cast<std::uint32_t>(left))]);
}

Outcome add_addresses(ZoneReply& reply, const catalog::LeaderEntry& leader, const Locations& locations, const wire::Name& owner,
                      const Into& given) {
    SeenAddresses seen;
    Into into = given;
    into.ttl = into.host_ttl = 0;
    into.leader = into.flat = true;
    into.seen = &seen;
    into.type = address_type(into.type);
    bool answered = false, reachable = false;
    const auto add = [&](const Address& address) {
        reachable = true;
        if (!serves(into.type, address) || !seen.add(address)) return;
        answered = true;
        if (into.take(owner, address)) reply.put_address(into.section, owner, 0, address);
    };
    for (const Location& location : locations) {
        if (answered && into.one) break;
        if (location.host->ip) {
            add(*location.host->ip);
            continue;
        }
        const auto target = name_of(*location.host);
        const Outcome outcome = target ? add_target(reply, *target, into, &owner) : Outcome::no_name;
        if (outcome == Outcome::wait) return outcome;
        if (outcome == Outcome::answered) {
            answered = reachable = true;
        } else if (outcome == Outcome::no_data && !is_dead_end(reply, *location.host)) {
            reachable = true;  // the host has addresses, but of the other family
        } else if (location.node_address->ip) {
            add(*location.node_address->ip);
        }
    }
    if (answered) return Outcome::answered;
    return reachable ? Outcome::no_data : reply.wait_for_leader(leader.service);
}

/// True if an earlier member has the same address and port, as members behind one proxy may.
bool is_repeated(const Locations& locations, const Location* at) {
    return std::any_of(locations.begin(), at, [&](const Location& other) { return *other.host == *at->host && other.port == at->port; });
}

Outcome answer_srv(ZoneReply& reply, const catalog::LeaderEntry& leader, const Locations& locations) {
    const wire::Name& owner = reply.question.name;
    // If the host name has no address, the node's is used in ANSWER and ADDITIONAL.
    const auto address_of = [&](const Location& location) -> const Address* {
        if (location.host->ip) return &*location.host->ip;
        return is_dead_end(reply, *location.host) && location.node_address->ip ? &*location.node_address->ip : nullptr;
    };
    const auto each = [&](auto visit) {
        for (const Location* at = locations.begin(); at != locations.end(); ++at) {
            if (is_repeated(locations, at)) continue;
            const Address* address = address_of(*at);
            if (!address && is_dead_end(reply, *at->host)) continue;
            const wire::Name target = address ? reply.addr_name(*address, {}) : *name_of(*at->host);
            if (!visit(*at, target, address)) return;
        }
    };
    each([&](const Location& location, const wire::Name& target, const Address*) {
        return reply.put_srv(owner, 0, 1, location.port, target, location.priority);
    });
    if (reply.answers() == 0) return reply.wait_for_leader(leader.service);
    Outcome failed = Outcome::answered;
    each([&](const Location&, const wire::Name& target, const Address* address) {
        if (address) return reply.put_address(Section::additional, target, 0, *address);
        const Into into{.section = Section::additional, .type = rrtype::srv, .ttl = 0, .leader = true};
        if (add_target(reply, target, into) == Outcome::wait) failed = Outcome::wait;
        return failed == Outcome::answered;
    });
    return failed;
}

}  // namespace

std::optional<Outcome> add_members(ZoneReply& reply, const ZoneName& name, const catalog::LeaderEntry& leader, const wire::Name& owner,
                                   const Into& into) {
    std::optional<Outcome> outcome;
    if (is_ordinary(reply, name, leader, outcome) || outcome) return outcome;
    if (into.flat) return Outcome::no_name;  // the host of a member is a name that selects members
    reply.note_leader(leader.service);
    if (reply.context.witness) reply.context.witness->leader(leader);
    const bool srv = into.type == rrtype::srv;
    if (name.role == ClusterRole::ranked && !srv) return Outcome::no_data;
    if (!serves_addresses(into.type)) return Outcome::no_data;
    Locations locations;
    if (const Outcome found = find_locations(reply, leader, name.role, locations); found != Outcome::answered) return found;
    shuffle(reply, locations);
    if (srv) return answer_srv(reply, leader, locations);
    return add_addresses(reply, leader, locations, owner, into);
}

}  // namespace lictor::zone
