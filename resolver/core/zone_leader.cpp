// The leader's one address.
#include "resolver/core/zone_leader.hpp"

#include "resolver/core/zone_node.hpp"
#include "resolver/core/zone_service.hpp"

namespace lictor {
namespace {

using Section = ZoneReply::Section;

bool is_leader_tag(std::string_view tag) {
    return tag == "master" || tag == "primary";
}

/// Types for which a leader has something: they are held in a gap, the others are answered "no" at once.
bool is_for_leader(std::uint16_t type) {
    return serves(type, Address{}) || serves(type, Address{{}, true});
}

Outcome gap(ZoneReply& reply, const LeaderEntry& leader) {
    return reply.wait_for(Need::Kind::leader, leader.service, {}, true);
}

/// Where the leader is, for one answer.
struct Seat {
    const HostText* host = nullptr;
    const HostText* node_address = nullptr;  ///< in case that the host's name has no address
    std::uint16_t port = 0, weight = 1;
};

/// The keys cannot be read: tags say who leads.
Outcome seat_by_tags(ZoneReply& reply, const LeaderEntry& leader, std::uint16_t type, Seat& seat) {
    const ServiceEntry* entry = nullptr;
    const Outcome found = find_service(reply, leader.service, {}, entry);
    if (found == Outcome::wait || found == Outcome::expired) return found;
    if (found != Outcome::answered) return gap(reply, leader);
    const Instance* first = tagged_leader(*entry, reply.settings);
    if (!first) return gap(reply, leader);
    const Target target = target_of(*first, type, reply.question.name, false);
    if (target.kind == Target::Kind::none) return gap(reply, leader);
    seat = {target.host, &node_address(*first->node, type, false), static_cast<std::uint16_t>(srv_port(*first, false)), first->weight};
    return Outcome::answered;
}

Outcome find_seat(ZoneReply& reply, const LeaderEntry& leader, std::uint16_t type, Seat& seat) {
    if (!reply.tell_leader(leader.service)) return gap(reply, leader);
    switch (leader.state) {
        case LeaderState::led:
            seat = {&leader.host, &leader.node_address, leader.port, 1};
            return Outcome::answered;
        case LeaderState::loading:
        case LeaderState::vacant:
            return gap(reply, leader);
        case LeaderState::standby:
            return Outcome::no_data;
        case LeaderState::unreadable:
            return seat_by_tags(reply, leader, type, seat);
        case LeaderState::gone:
            break;
    }
    return Outcome::no_name;
}

Outcome add_address(ZoneReply& reply, const Address& address, const Name& owner, const Into& into) {
    if (!serves(into.type, address)) return Outcome::no_data;
    if (into.take(owner, address)) reply.put_address(into.section, owner, 0, address);
    return Outcome::answered;
}

/// The host is a name: an alias, but only together with an address; else the node's address.
Outcome add_named(ZoneReply& reply, const LeaderEntry& leader, const Seat& seat, const Name& owner, const Into& into) {
    const auto target = name_of(*seat.host);
    Outcome outcome = Outcome::no_name;
    if (target) {
        const auto mark = reply.mark();
        if (!into.flat) reply.put_name(into.section, owner, rrtype::cname, 0, *target);
        outcome = add_target(reply, *target, into, &owner);
        if (outcome == Outcome::answered || outcome == Outcome::wait) return outcome;
        reply.rewind(mark);
        if (outcome == Outcome::no_data && !is_dead_end(reply, *seat.host)) return outcome;  // it has addresses, of the other family
    }
    if (seat.node_address->ip) return add_address(reply, *seat.node_address->ip, owner, into);
    return gap(reply, leader);
}

Outcome answer_srv(ZoneReply& reply, const LeaderEntry& leader, const Seat& seat) {
    const Name& owner = reply.question.name;
    const Into into{.section = Section::additional, .type = rrtype::srv, .ttl = 0, .one = true, .leader = true};
    if (!seat.host->ip) {
        if (const auto target = name_of(*seat.host)) {
            const auto mark = reply.mark();
            reply.put_srv(owner, 0, seat.weight, seat.port, *target);
            const Outcome outcome = add_target(reply, *target, into);
            if (outcome == Outcome::answered || outcome == Outcome::wait) return outcome;
            reply.rewind(mark);
        }
        if (!seat.node_address->ip) return gap(reply, leader);
    }
    const Address& address = seat.host->ip ? *seat.host->ip : *seat.node_address->ip;
    const Name target = hex_name(reply, address, {});
    reply.put_srv(owner, 0, seat.weight, seat.port, target);
    reply.put_address(Section::additional, target, 0, address);
    return Outcome::answered;
}

}  // namespace

const LeaderEntry* find_leader(const ZoneName& name, const Catalog& catalog) {
    const bool asks = name.kind == ZoneKind::lock || (name.kind == ZoneKind::service && name.datacenter.empty() && is_leader_tag(name.tag));
    if (!asks) return nullptr;
    const auto found = catalog.leaders->find(name.service);
    if (found == catalog.leaders->end() || found->second->state == LeaderState::gone) return nullptr;
    return found->second.get();
}

Outcome add_leader(ZoneReply& reply, const LeaderEntry& leader, const Name& owner, const Into& into) {
    reply.note_leader();
    if (!is_for_leader(into.type)) return Outcome::no_data;
    Seat seat;
    if (const Outcome found = find_seat(reply, leader, into.type, seat); found != Outcome::answered) return found;
    Into one = into;
    one.ttl = one.host_ttl = 0;
    one.one = one.leader = true;
    // Without an alias the host's type decides; TXT shows the address as for any service.
    if (seat.host->ip) return add_address(reply, *seat.host->ip, owner, one);
    if (one.type == rrtype::txt) one.type = rrtype::any;
    return add_named(reply, leader, seat, owner, one);
}

bool answer_leader_soa(ZoneReply& reply) {
    if (reply.strict || reply.catalog.leaders->empty()) return false;
    const std::size_t labels = reply.question.lower.label_count(), outside = reply.domain.label_count();
    // From the domain downwards: the first name that is a leader's service is the zone.
    for (std::size_t below = labels - outside; below-- > 0;) {
        const Name at = reply.question.lower.parent(below);
        ZoneName name;
        name.parse(at, reply.domain, false, reply.settings);
        if (name.kind != ZoneKind::service || !name.tag.empty() || !name.datacenter.empty()) continue;
        const auto leader = reply.catalog.leaders->find(name.service);
        if (leader == reply.catalog.leaders->end() || leader->second->state == LeaderState::gone) return false;
        const LeaderPage* page = reply.page_of(name.service);
        reply.note_leader();
        reply.put_soa(ZoneReply::Section::answer, reply.question.name.parent(below), page ? page->serial : 0);
        return true;
    }
    return false;
}

Outcome answer_leader(ZoneReply& reply, const LeaderEntry& leader) {
    const std::uint16_t type = reply.question.type;
    if (type != rrtype::srv) return add_leader(reply, leader, reply.question.name, Into{.type = type});
    reply.note_leader();
    Seat seat;
    if (const Outcome found = find_seat(reply, leader, type, seat); found != Outcome::answered) return found;
    return answer_srv(reply, leader, seat);
}

}  // namespace lictor
