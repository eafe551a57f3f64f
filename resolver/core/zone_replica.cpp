// Members as records.
#include "resolver/core/zone_replica.hpp"

#include <algorithm>

#include "resolver/core/zone_node.hpp"
#include "resolver/core/zone_service.hpp"
#include "watch/replicas.hpp"

namespace lictor {
namespace {

using Section = ZoneReply::Section;

constexpr std::uint16_t primary_first = 10, replica_second = 20;

enum class Group : std::uint8_t {
    none,
    replica,
    sync,
    any,
    standby,  ///< the standby leader: whoever holds the lock of a standby cluster
    plain,  ///< no tag: everybody, where the catalog has nobody
    ranked  ///< `_postgresql._tcp`: the primary, then the replicas
};

Group group_of(std::string_view tag) {
    if (tag.empty()) return Group::plain;
    if (tag == "replica") return Group::replica;
    if (tag == "sync") return Group::sync;
    if (tag == "any") return Group::any;
    if (tag == "standby-leader") return Group::standby;
    return tag == "_postgresql._tcp" ? Group::ranked : Group::none;
}

/// One member, for one answer. Points into the Catalog.
struct Seat {
    const HostText* host;
    const HostText* node_address;
    std::uint16_t port, priority;
};
using Seats = NearList<Seat, 32>;

const ServiceEntry* registered(const ZoneReply& reply, std::string_view service) {
    const auto found = reply.catalog.services->find(service);
    const bool any = found != reply.catalog.services->end() && found->second->state == FactState::known && !found->second->instances.empty();
    return any ? found->second.get() : nullptr;
}

/// The cluster, where its members' keys answer this name. `wait`, `expired`: what the catalog has is not known.
const LeaderEntry* find_cluster(ZoneReply& reply, const ZoneName& name, Group group, std::optional<Outcome>& outcome) {
    if (group == Group::none || !name.datacenter.empty() || reply.catalog.leaders->empty()) return nullptr;
    const auto found = reply.catalog.leaders->find(name.service);
    if (found == reply.catalog.leaders->end()) return nullptr;
    const LeaderEntry& leader = *found->second;
    if (leader.state == LeaderState::gone || leader.state == LeaderState::unreadable) return nullptr;
    if (!leader.replicas && leader.state != LeaderState::loading) return nullptr;
    if (group == Group::plain || reply.strict) {
        const ServiceEntry* entry = nullptr;
        const Outcome known = find_service(reply, name.service, {}, entry);
        if (known == Outcome::answered && !entry->instances.empty()) return nullptr;
        if (known == Outcome::wait || known == Outcome::expired) outcome = known;
    } else if (const ServiceEntry* entry = group == Group::sync || group == Group::any ? registered(reply, name.service) : nullptr) {
        // A tag of the operator's own.
        if (std::ranges::any_of(entry->instances, [&](const Instance& one) { return has_tag(one, name.tag); })) return nullptr;
    }
    if (reply.catalog.expired) outcome = Outcome::expired;
    return &leader;
}

Outcome gap(ZoneReply& reply, const LeaderEntry& leader) {
    return reply.wait_for(Need::Kind::leader, leader.service, {}, true);
}

/// `answered`: there is at least one seat.
Outcome find_seats(ZoneReply& reply, const LeaderEntry& leader, Group group, Seats& seats) {
    if (leader.state == LeaderState::loading) return gap(reply, leader);
    const ReplicaSet& set = *leader.replicas;
    const bool led = leader.state == LeaderState::led;
    const bool everybody = group == Group::any || group == Group::plain;
    // Whoever asks for both in their order takes the first as the primary.
    if (group == Group::ranked && leader.state == LeaderState::vacant) return gap(reply, leader);
    if (led && group == Group::ranked && !reply.tell_leader(leader.service)) return gap(reply, leader);
    if (led && (everybody || group == Group::ranked)) seats.push_back({&leader.host, &leader.node_address, leader.port, primary_first});
    for (const ReplicaSeat& seat : set.seats) {
        const bool taken = everybody || (group == Group::sync      ? seat.sync
                                         : group == Group::standby ? seat.standby_leader && leader.state == LeaderState::standby
                                                                   : seat.replica);
        if (taken) seats.push_back({&seat.host, &seat.node_address, seat.port, replica_second});
    }
    if (!seats.empty()) return Outcome::answered;
    if (group == Group::replica && set.leader_last_resort && led) {
        if (!reply.tell_leader(leader.service)) return gap(reply, leader);
        seats.push_back({&leader.host, &leader.node_address, leader.port, primary_first});
        return Outcome::answered;
    }
    // Nobody is there, but somebody may be in a moment.
    const bool waits = everybody || (group == Group::replica && set.leader_last_resort);
    const LeaderState empty = group == Group::standby ? LeaderState::standby : LeaderState::vacant;
    return (waits || group == Group::standby) && leader.state == empty ? gap(reply, leader) : Outcome::no_data;
}

void shuffle(ZoneReply& reply, Seats& seats) {
    Seat* items = seats.begin();
    for (std::size_t left = seats.size(); left > 1; --left)
        std::swap(items[left - 1], items[reply.context.random.below(static_cast<std::uint32_t>(left))]);
}

Outcome add_addresses(ZoneReply& reply, const LeaderEntry& leader, const Seats& seats, const Name& owner, const Into& given) {
    SeenAddresses seen;
    Into into = given;
    into.ttl = into.host_ttl = 0;
    into.leader = into.flat = true;
    into.seen = &seen;
    if (into.type == rrtype::txt) into.type = rrtype::any;
    bool answered = false, reachable = false;
    const auto add = [&](const Address& address) {
        reachable = true;
        if (!serves(into.type, address) || !seen.add(address)) return;
        answered = true;
        if (into.take(owner, address)) reply.put_address(into.section, owner, 0, address);
    };
    for (const Seat& seat : seats) {
        if (answered && into.one) break;
        if (seat.host->ip) {
            add(*seat.host->ip);
            continue;
        }
        const auto target = name_of(*seat.host);
        const Outcome outcome = target ? add_target(reply, *target, into, &owner) : Outcome::no_name;
        if (outcome == Outcome::wait) return outcome;
        if (outcome == Outcome::answered) {
            answered = reachable = true;
        } else if (outcome == Outcome::no_data && !is_dead_end(reply, *seat.host)) {
            reachable = true;  // it has addresses, of the other family
        } else if (seat.node_address->ip) {
            add(*seat.node_address->ip);
        }
    }
    if (answered) return Outcome::answered;
    return reachable ? Outcome::no_data : gap(reply, leader);
}

/// Two members may be the same address and port to those who see them from outside.
bool is_repeated(const Seats& seats, const Seat* at) {
    return std::any_of(seats.begin(), at, [&](const Seat& other) { return *other.host == *at->host && other.port == at->port; });
}

Outcome answer_srv(ZoneReply& reply, const LeaderEntry& leader, const Seats& seats) {
    const Name& owner = reply.question.name;
    // Where a name leads nowhere the node's address stands in, in both sections.
    const auto address_of = [&](const Seat& seat) -> const Address* {
        if (seat.host->ip) return &*seat.host->ip;
        return is_dead_end(reply, *seat.host) && seat.node_address->ip ? &*seat.node_address->ip : nullptr;
    };
    const auto each = [&](auto visit) {
        for (const Seat* at = seats.begin(); at != seats.end(); ++at) {
            if (is_repeated(seats, at)) continue;
            const Address* address = address_of(*at);
            if (!address && is_dead_end(reply, *at->host)) continue;
            const Name target = address ? hex_name(reply, *address, {}) : *name_of(*at->host);
            if (!visit(*at, target, address)) return;
        }
    };
    each([&](const Seat& seat, const Name& target, const Address*) {
        return reply.put_srv(owner, 0, 1, seat.port, target, seat.priority);
    });
    if (reply.answers() == 0) return gap(reply, leader);
    Outcome failed = Outcome::answered;
    each([&](const Seat&, const Name& target, const Address* address) {
        if (address) return reply.put_address(Section::additional, target, 0, *address);
        const Into into{.section = Section::additional, .type = rrtype::srv, .ttl = 0, .leader = true};
        if (add_target(reply, target, into) == Outcome::wait) failed = Outcome::wait;
        return failed == Outcome::answered;
    });
    return failed;
}

std::optional<Outcome> members(ZoneReply& reply, const ZoneName& name, bool srv, const Name& owner, const Into& into) {
    const Group group = group_of(name.tag);
    std::optional<Outcome> outcome;
    const LeaderEntry* leader = find_cluster(reply, name, group, outcome);
    if (!leader || outcome) return outcome;
    if (into.flat) return Outcome::no_name;  // a member whose host is the members' own name
    reply.note_leader();
    if (group == Group::ranked && !srv) return Outcome::no_data;
    if (!srv && !serves(into.type, Address{}) && !serves(into.type, Address{{}, true})) return Outcome::no_data;
    Seats seats;
    if (const Outcome found = find_seats(reply, *leader, group, seats); found != Outcome::answered) return found;
    shuffle(reply, seats);
    if (srv) return answer_srv(reply, *leader, seats);
    return add_addresses(reply, *leader, seats, owner, into);
}

}  // namespace

std::optional<Outcome> answer_members(ZoneReply& reply, const ZoneName& name) {
    const std::uint16_t type = reply.question.type;
    return members(reply, name, type == rrtype::srv, reply.question.name, Into{.type = type});
}

std::optional<Outcome> add_members(ZoneReply& reply, const ZoneName& name, const Name& owner, const Into& into) {
    return members(reply, name, false, owner, into);
}

}  // namespace lictor
