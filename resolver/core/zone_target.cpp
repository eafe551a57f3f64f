// Host names in Consul's data, followed to addresses.
#include "resolver/core/zone_target.hpp"

#include <algorithm>
#include <array>

#include "resolver/core/zone_leader.hpp"
#include "resolver/core/zone_node.hpp"
#include "resolver/core/zone_replica.hpp"
#include "resolver/core/zone_service.hpp"

namespace lictor {
namespace {

constexpr std::size_t chain_max = 5;
constexpr std::size_t inner_answers_max = 8;
constexpr std::size_t inner_bytes_max = 512 - 7 - 12;  // uncompressed, without a question

/// The longest of Consul's domains that `lower` is strictly below.
std::optional<Name> inner_domain(const ZoneReply& reply, const Name& lower) {
    std::optional<Name> found;
    const auto consider = [&](const Name& domain) {
        if (lower.size() > domain.size() && lower.is_below_or_equal(domain) && (!found || domain.size() > found->size())) found = domain;
    };
    consider(reply.domain);
    for (const auto& text : reply.settings.domains)
        if (const auto domain = Name::parse(text)) consider(*domain);
    return found;
}

/// Key of Catalog::hosts: lower case, without the final dot.
class HostKey {
public:
    explicit HostKey(const Name& lower) {
        const Bytes wire = lower.wire();
        for (std::size_t at = 0; wire[at] != 0;) {
            const std::size_t end = at + 1 + wire[at];
            if (size_ > 0) text_[size_++] = '.';
            for (++at; at < end; ++at) text_[size_++] = static_cast<char>(wire[at]);
        }
    }
    std::string_view view() const { return {text_.data(), size_}; }

private:
    std::array<char, 256> text_;
    std::size_t size_ = 0;
};

const HostEntry* find_host(ZoneReply& reply, const HostKey& key) {
    const auto found = reply.catalog.hosts->find(key.view());
    if (found == reply.catalog.hosts->end()) return nullptr;
    found->second->usage->touch(reply.second());
    return found->second.get();
}

Outcome add_host(ZoneReply& reply, const Name& owner, const Name& lower, const Into& into) {
    // What the agent adds comes from its recursors, chains, TTLs and all: only its DNS tells. Without recursors it adds nothing.
    if (reply.strict && !into.leader) return reply.settings.recursors ? Outcome::delegate : Outcome::no_data;
    const bool v4 = into.type != rrtype::aaaa;
    const bool v6 = into.type != rrtype::a;
    if (into.type != rrtype::a && into.type != rrtype::aaaa && into.type != rrtype::any && into.type != rrtype::srv)
        return Outcome::no_data;
    const HostKey key(lower);
    const HostEntry* host = find_host(reply, key);
    if (!host || host->state == FactState::loading) return reply.wait_for(Need::Kind::host, key.view(), {});
    if (host->state != FactState::known) return Outcome::no_data;
    Outcome outcome = Outcome::no_data;
    const auto add = [&](const std::vector<Address>& addresses) {
        for (const Address& address : addresses) {
            if ((into.one && outcome == Outcome::answered) || !into.take(owner, address)) return;
            if (into.seen && !into.seen->add(address)) continue;
            outcome = Outcome::answered;
            reply.put_address(into.section, owner, into.ttl.value_or(into.host_ttl), address);
        }
    };
    if (v4) add(host->v4);
    if (v6) add(host->v6);
    return outcome;
}

}  // namespace

bool Room::take(std::size_t size) {
    for (Room* at = this; at; at = at->outer) {
        if (at->records > 0 && (at->empty || at->bytes >= size)) continue;
        at->records = 0;
        return false;
    }
    for (Room* at = this; at; at = at->outer) {
        --at->records;
        at->bytes -= std::min(at->bytes, size);
        at->empty = false;
    }
    return true;
}

std::optional<Room> room_behind_alias(const ZoneReply& reply, const Into& into) {
    if (!reply.strict || into.leader || (reply.question.edns.present && into.nesting == nesting_max)) return std::nullopt;
    return Room{.records = chain_max, .outer = into.room};
}

std::optional<Room> room_of_inner_answer(const ZoneReply& reply, const Into& into) {
    if (!reply.strict || into.leader || into.nesting == nesting_max || reply.agent().cuts_everything()) return std::nullopt;
    return Room{.records = std::min<std::size_t>(inner_answers_max, reply.settings.udp_answer_limit), .bytes = inner_bytes_max, .outer = into.room};
}

std::optional<Name> name_of(const HostText& host) {
    return Name::parse(host.text);
}

bool is_dead_end(ZoneReply& reply, const HostText& host) {
    const auto name = name_of(host);
    if (!name) return true;
    const Name lower = name->lower();
    if (inner_domain(reply, lower)) return false;
    const HostEntry* entry = find_host(reply, HostKey(lower));
    return entry && entry->state != FactState::loading && entry->v4.empty() && entry->v6.empty();
}

Outcome add_target(ZoneReply& reply, const Name& target, const Into& into, const Name* flat_owner) {
    const Name lower = target.lower();
    const Name& owner = into.flat && flat_owner ? *flat_owner : target;
    const auto domain = inner_domain(reply, lower);
    if (!domain) return add_host(reply, owner, lower, into);
    if (into.nesting < 1) return Outcome::no_data;
    Into inner = into;
    --inner.nesting;
    // The agent resolves as type ANY; an alias is better followed with the type that was asked.
    if ((reply.strict && !into.leader) || (into.type != rrtype::a && into.type != rrtype::aaaa)) inner.type = rrtype::any;
    ZoneName name;
    name.parse(lower, *domain, false, reply.settings, ZoneName::Letters::registered, into.registered);
    inner.registered = {};
    switch (name.kind) {
        case ZoneKind::service:
            if (const LeaderEntry* leader = find_leader(name, reply.catalog)) return add_leader(reply, *leader, owner, inner);
            if (const auto members = add_members(reply, name, owner, inner)) return *members;
            return add_service(reply, name, owner, inner);
        case ZoneKind::node:
            return add_node(reply, name, owner, inner);
        case ZoneKind::address:
            return add_hex_address(reply, name, owner, &owner == &target ? &*domain : nullptr, inner);
        case ZoneKind::elsewhere:
            return Outcome::delegate;
        case ZoneKind::lock:
            if (const LeaderEntry* leader = find_leader(name, reply.catalog)) return add_leader(reply, *leader, owner, inner);
            break;
        case ZoneKind::nothing:
        case ZoneKind::inner:
        case ZoneKind::spelled:
        case ZoneKind::nameless:
            break;
    }
    return Outcome::no_name;
}

Outcome add_alias(ZoneReply& reply, const Name& owner, const Name& target, std::uint32_t ttl, const Into& into) {
    if (!into.flat) reply.put_name(into.section, owner, rrtype::cname, ttl, target);
    const Outcome outcome = add_target(reply, target, into, &owner);
    return into.leader || outcome == Outcome::wait || outcome == Outcome::delegate ? outcome : Outcome::answered;
}

}  // namespace lictor
