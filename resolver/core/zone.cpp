// The Consul zone's front: from the question to the part that answers it.
#include "resolver/core/zone.hpp"

#include <algorithm>

#include "resolver/core/zone_leader.hpp"
#include "resolver/core/zone_name.hpp"
#include "resolver/core/zone_node.hpp"
#include "resolver/core/zone_replica.hpp"
#include "resolver/core/zone_reply.hpp"
#include "resolver/core/zone_service.hpp"

namespace lictor {
namespace {

bool has_locks(const Catalog& catalog) {
    return std::ranges::any_of(*catalog.leaders, [](const auto& item) { return item.second->lock; });
}

Outcome answer_name(ZoneReply& reply, const ZoneName& name) {
    switch (name.kind) {
        case ZoneKind::service:
            if (const LeaderEntry* leader = find_leader(name, reply.catalog)) return answer_leader(reply, *leader);
            if (const auto members = answer_members(reply, name)) return *members;
            return answer_service(reply, name);
        case ZoneKind::lock:
            if (const LeaderEntry* leader = find_leader(name, reply.catalog)) return answer_leader(reply, *leader);
            break;
        case ZoneKind::node:
            return answer_node(reply, name);
        case ZoneKind::address:
            return answer_hex_address(reply, name);
        case ZoneKind::spelled:
            return reply.strict && !is_node_type(reply.question.type) ? Outcome::answered : Outcome::no_name;
        case ZoneKind::nameless:
            return Outcome::refused;
        case ZoneKind::elsewhere:
            return Outcome::delegate;
        case ZoneKind::inner:
            if (name.datacenter == "leader" && has_locks(reply.catalog)) return Outcome::no_data;
            if (reply.strict) return Outcome::no_name;
            return name.datacenter.empty() || is_known_datacenter(reply.catalog, name.datacenter) ? Outcome::no_data : Outcome::no_name;
        case ZoneKind::nothing:
            break;
    }
    return Outcome::no_name;
}

}  // namespace

ZoneVerdict answer_zone(const Question& question, const Name& domain, const ZoneContext& context, std::span<std::uint8_t> buffer) {
    ZoneReply reply(question, domain, context, buffer);
    // An agent with recursors takes a DS question for one about the parent's zone, and sends it away.
    if (question.type == rrtype::ds && reply.strict && reply.settings.recursors && !is_leader_name(question, domain, context.catalog)) return ZoneDelegate{};
    if (!question.lower.is_below_or_equal(domain)) return reply.finish(answer_reverse(reply));
    switch (question.type) {
        case rrtype::soa:
            if (answer_leader_soa(reply)) return reply.finish(Outcome::answered);
            [[fallthrough]];
        case rrtype::ns:
            return reply.finish(answer_apex(reply));
        case rrtype::axfr:
            return reply.finish_error(rcode::notimp);
        default:
            break;
    }
    ZoneName name;
    name.parse(question.lower, domain, question.type == rrtype::srv, reply.settings);
    return reply.finish(answer_name(reply, name));
}

bool is_leader_name(const Question& question, const Name& domain, const Catalog& catalog, std::string* service) {
    if (catalog.leaders->empty() || !question.lower.is_below_or_equal(domain)) return false;
    ZoneName name;
    name.parse(question.lower, domain, question.type == rrtype::srv, *catalog.settings);
    const LeaderEntry* leader = find_leader(name, catalog);
    if (leader && service) *service = leader->service;
    return leader != nullptr;
}

}  // namespace lictor
