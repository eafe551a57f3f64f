// Answers queries for services, which are the most frequent ones.
#include "resolver/zone/service.hpp"

#include <algorithm>
#include <unordered_set>

#include "resolver/zone/cut.hpp"
#include "resolver/zone/metadata.hpp"

namespace lictor::zone {
namespace {

using Section = ZoneReply::Section;

constexpr std::size_t address_bytes_least = 2 + record_overhead + 4;

// ------------------------------------------------------------------------------------------- which instances, which address

using catalog::srv_port;

/// Which address a query of this type takes: IPv6 goes first for types other than A and AAAA.
catalog::Family family_of(std::uint16_t type) {
    return type == rrtype::a ? catalog::Family::v4 : type == rrtype::aaaa ? catalog::Family::v6 : catalog::Family::any;
}

/// The kind of the address records for a query of this type.
catalog::RecordKind kind_of(std::uint16_t type) {
    return type == rrtype::a ? catalog::RecordKind::v4 : type == rrtype::aaaa ? catalog::RecordKind::v6 : catalog::RecordKind::any;
}

/// The TTL of the longest matching row of dns_config.service_ttl (`prefix*`); an exact name goes first.
std::uint32_t service_ttl(const catalog::ConsulSettings& settings, std::string_view service_lower) {
    std::uint32_t ttl = 0;
    std::size_t longest = 0;  // prefix length and one
    for (const auto& [key, value] : settings.service_ttl) {
        if (key.ends_with('*')) {
            const auto prefix = std::string_view(key).substr(0, key.size() - 1);
            if (key.size() > longest && service_lower.starts_with(prefix)) {
                longest = key.size();
                ttl = value;
            }
        } else if (key == service_lower) {
            return value;
        }
    }
    return ttl;
}

/// The address that, with the node's name and the port, identifies an SRV answer.
const catalog::HostText& srv_address(const catalog::Instance& instance, bool wan) {
    return catalog::service_address(instance, catalog::Family::any, wan);
}

/// Keeps the first of all instances with the same node, address and port.
void drop_repeated(Picks& picks, bool wan) {
    struct Same {
        bool wan;
        bool operator()(const catalog::Instance* one, const catalog::Instance* other) const {
            return srv_port(*one, wan) == srv_port(*other, wan) && one->node->name == other->node->name &&
                   srv_address(*one, wan) == srv_address(*other, wan);
        }
    };
    struct Hash {
        bool wan;
        std::size_t operator()(const catalog::Instance* instance) const {
            const std::hash<std::string_view> hash;
            return hash(instance->node->name) * 31 + hash(srv_address(*instance, wan).text) + srv_port(*instance, wan);
        }
    };
    constexpr std::size_t few = 32;  // up to here instances are compared one by one
    const Same same{wan};
    const catalog::Instance** const items = picks.begin();
    std::unordered_set<const catalog::Instance*, Hash, Same> seen(0, Hash{wan}, same);
    std::size_t kept = 0;
    for (std::size_t i = 0; i < picks.size(); ++i) {
        if (kept == few && seen.empty()) {
            seen.reserve(picks.size());
            seen.insert(items, items + kept);
        }
        const bool repeated = kept < few
                                  ? std::any_of(items, items + kept, [&](const catalog::Instance* other) { return same(other, items[i]); })
                                  : !seen.insert(items[i]).second;
        if (!repeated) items[kept++] = items[i];
    }
    picks.shrink(kept);
}

// ------------------------------------------------------------------------------------------------------------------ records

/// What all records of one service share.
struct Lookup {
    std::string_view datacenter;
    std::uint32_t ttl = 0;
    bool wan = false;
};
Lookup lookup_of(const ZoneReply& reply, const ZoneName& name) {
    return {name.datacenter, service_ttl(reply.settings, name.service), reply.is_translated(name.datacenter)};
}

/// Order of preference of aliases, the best first.
enum class Alias : std::uint8_t { has_address, no_address, no_name };

Alias rate(ZoneReply& reply, const catalog::HostText& host) {
    if (!name_of(host)) return Alias::no_name;
    return is_dead_end(reply, host) ? Alias::no_address : Alias::has_address;
}

/// One more than the number of records of at least `bytes` each that can be sent, so that a cut is noticed.
std::size_t records_max(const ZoneReply& reply, std::size_t bytes) {
    if (!reply.agent.cuts_as_agent) return (reply.limit_bytes() - std::min(reply.limit_bytes(), reply.size())) / bytes + 1;
    // The agent computes the size of all records, and cuts in another way if it is 100 bytes above the limit (cut.hpp).
    const AgentLimits limits = AgentLimits::of(reply);
    const std::size_t fit = (limits.bytes + 100) / bytes;
    return (limits.answers_max < wire::message_max ? std::max(fit, limits.answers_max) : fit) + 2;
}

/// The size of the smallest SRV record in an answer from a table of records: its target is `<one letter>.node.<datacenter>.<domain>`.
std::size_t srv_bytes_least(ZoneReply& reply, std::string_view datacenter) {
    return 2 + record_overhead + 6 + 2 + reply.located("node", datacenter).size();
}

/// Instances to take addresses from for a query of `into.type`.
Wanted wanted_addresses(const ZoneReply& reply, const ZoneName& name, const Lookup& lookup, const Into& into) {
    std::size_t most = records_max(reply, address_bytes_least);
    if (reply.settings.a_record_limit) most = std::min<std::size_t>(most, reply.settings.a_record_limit);
    if (into.one) most = 1;
    return {name.tag, kind_of(into.type), lookup.wan, serves_addresses(into.type) ? most : 0};
}

/// Addresses that were drawn.
Outcome add_drawn(ZoneReply& reply, const AddressPicks& addresses, const Lookup& lookup, const wire::Name& owner, const Into& into) {
    const std::uint32_t ttl = into.ttl.value_or(lookup.ttl);
    for (const Address* address : addresses) {
        if (!into.take(owner, *address)) break;
        if (!reply.put_address(into.section, owner, ttl, *address) && !reply.agent.cuts_as_agent) break;
    }
    return addresses.empty() ? Outcome::no_data : Outcome::answered;
}

/// Addresses of the picked instances, or one alias if there are only names.
Outcome add_addresses(ZoneReply& reply, const Picks& picks, const Lookup& lookup, const wire::Name& owner, const Into& into) {
    const std::uint32_t ttl = into.ttl.value_or(lookup.ttl);
    const std::size_t most = into.one ? 1 : reply.settings.a_record_limit ? reply.settings.a_record_limit : picks.size();
    const catalog::HostText* alias = nullptr;
    Alias alias_rate = Alias::has_address;
    SeenAddresses seen;
    std::size_t given = 0;
    for (const catalog::Instance* instance : picks) {
        const Target target = target_of(*instance, into.type, owner, lookup.wan);
        if (target.kind == Target::Kind::none) continue;
        if (target.kind == Target::Kind::name) {
            if (given > 0 || (alias && alias_rate == Alias::has_address)) continue;
            const Alias rated = reply.agent.prefers_live_alias ? rate(reply, *target.host) : Alias::has_address;
            if (alias && rated >= alias_rate) continue;
            alias = target.host;
            alias_rate = rated;
            continue;
        }
        const Address& address = *target.host->ip;
        if (!serves(into.type, address) || !seen.add(address)) continue;
        ++given;
        if (!into.take(owner, address)) break;
        // The agent's cut counts the answers that do not fit, too.
        if (!reply.put_address(into.section, owner, ttl, address) && !reply.agent.cuts_as_agent) break;
        if (given == most) break;
    }
    if (given > 0) return Outcome::answered;
    if (!alias) return Outcome::no_data;
    const auto name = name_of(*alias);
    if (!name) return Outcome::unencodable;
    Into behind = into;
    behind.ttl = behind.host_ttl = ttl;
    behind.registered = alias->text;
    auto room = room_behind_alias(reply, into);
    if (room) behind.room = &*room;
    if (!into.take(owner, *name)) return Outcome::answered;
    return add_alias(reply, owner, *name, ttl, behind);
}

/// The SRV target of an instance; nothing if it is not a DNS name.
std::optional<wire::Name> srv_target(ZoneReply& reply, const catalog::Instance& instance, const Target& target,
                                     std::string_view datacenter) {
    switch (target.kind) {
        case Target::Kind::node: return reply.node_name(instance.node->name, datacenter);
        case Target::Kind::address: return reply.addr_name(*target.host->ip, datacenter);
        case Target::Kind::name: return name_of(*target.host);
        case Target::Kind::none: break;
    }
    return std::nullopt;
}

/// Addresses of all targets first, then metadata, so that metadata never displaces them.
Outcome add_srv_additional(ZoneReply& reply, const Picks& picks, const Lookup& lookup) {
    const wire::Name& owner = reply.question.name;
    std::unordered_set<wire::Name, wire::NameHash> synced;  // used only if the reply is synced
    std::size_t left = reply.count(Section::answer);
    for (const catalog::Instance* const* at = picks.begin(); at != picks.end() && left > 0; ++at) {
        const Target target = target_of(**at, rrtype::srv, owner, lookup.wan);
        const auto name = srv_target(reply, **at, target, lookup.datacenter);
        if (!name) continue;
        --left;
        if (reply.synced() && !synced.insert(name->lower()).second) continue;
        if (target.kind != Target::Kind::name) {
            if (!reply.put_address(Section::additional, *name, lookup.ttl, *target.host->ip)) return Outcome::answered;
            continue;
        }
        Into into{.section = Section::additional, .type = rrtype::srv, .ttl = lookup.ttl, .host_ttl = lookup.ttl, .one = reply.synced()};
        auto room = room_behind_alias(reply, into);
        if (room) into.room = &*room;
        into.registered = target.host->text;
        const Outcome outcome = add_target(reply, *name, into);
        if (outcome == Outcome::wait || outcome == Outcome::delegate) return outcome;
    }
    if (!reply.settings.node_meta_txt || reply.synced()) return Outcome::answered;
    left = reply.count(Section::answer);
    for (const catalog::Instance* const* at = picks.begin(); at != picks.end() && left > 0; ++at) {
        if (!srv_target(reply, **at, target_of(**at, rrtype::srv, owner, lookup.wan), lookup.datacenter)) continue;  // it has no record
        --left;
        if ((*at)->node->meta.empty()) continue;
        if (const auto node = reply.node_name((*at)->node->name, lookup.datacenter))
            put_metadata(reply, Section::additional, *node, lookup.ttl, *(*at)->node);
    }
    return Outcome::answered;
}

Outcome add_srv(ZoneReply& reply, const Picks& picks, const Lookup& lookup) {
    const wire::Name& owner = reply.question.name;
    bool nameless = false;
    for (const catalog::Instance* const* at = picks.begin(); at != picks.end(); ++at) {
        const catalog::Instance& instance = **at;
        const Target target = target_of(instance, rrtype::srv, owner, lookup.wan);
        if (target.kind == Target::Kind::none) continue;
        const auto name = srv_target(reply, instance, target, lookup.datacenter);
        if (!name) {
            nameless = true;
            continue;
        }
        if (!reply.put_srv(owner, lookup.ttl, instance.weight, static_cast<std::uint16_t>(srv_port(instance, lookup.wan)), *name) &&
            !reply.agent.cuts_as_agent)
            break;
    }
    if (reply.answers() == 0) return nameless ? Outcome::unencodable : Outcome::no_data;
    return add_srv_additional(reply, picks, lookup);
}

/// True for a name without instances that has names below it (RFC 8020), or that belongs to a known cluster.
bool has_names_below(const ZoneReply& reply, const ZoneName& name, const catalog::ServiceEntry& entry) {
    if (!reply.agent.keeps_empty_names) return false;
    const bool of_cluster = name.role == ClusterRole::plain || name.role == ClusterRole::replica;
    if (of_cluster && catalog::find_leader(reply.catalog, name.service)) return true;
    if (name.tag.empty()) return false;
    if (entry.records) {
        const auto* row = entry.records->find(name.tag);
        return row && row->has_names_below[reply.settings.only_passing];
    }
    return std::ranges::any_of(entry.instances, [&](const catalog::Instance& instance) {
        return catalog::is_usable(instance, reply.settings) && std::ranges::any_of(instance.tags, [&](const std::string& tag) {
                   return tag.size() > name.tag.size() && tag.ends_with(name.tag) && tag[tag.size() - name.tag.size() - 1] == '.';
               });
    });
}

}  // namespace

Picked pick_instances(const catalog::ServiceEntry& entry, const Wanted& wanted, const catalog::ConsulSettings& settings, Random& random,
                      Picks& picks, AddressPicks& addresses) {
    const catalog::RecordTable::Row* row = nullptr;
    if (entry.records) {
        row = entry.records->find(wanted.tag);
        if (!row || row->usable[settings.only_passing] == 0) return {};
    }
    if (row && wanted.kind && row->usable[0] > row->few.size()) {
        if (const catalog::Groups* groups = row->groups(settings.only_passing, *wanted.kind, wanted.wan)) {
            Draw draw(*groups, wanted.most, random);
            while (const auto group = draw.next()) {
                if (*wanted.kind == catalog::RecordKind::srv) picks.push_back(&entry.instances[draw.instance_of(*group)]);
                else addresses.push_back(&groups->address(*group));
            }
        }
        return {.any = true, .drawn = true};
    }
    const auto consider = [&](const catalog::Instance& instance) {
        const std::string_view tag = row ? std::string_view() : wanted.tag;  // the row has only instances with the tag
        if (catalog::left_out(instance, tag, settings) == catalog::LeftOut::none) picks.push_back(&instance);
    };
    if (row && !row->few.empty()) {
        for (const std::uint32_t position : row->few) consider(entry.instances[position]);
    } else {
        row = nullptr;
        for (const catalog::Instance& instance : entry.instances) consider(instance);
    }
    const catalog::Instance** items = picks.begin();
    for (std::size_t left = picks.size(); left > 1; --left)
        std::swap(items[left - 1], items[random.below(static_cast<std::uint32_t>(left))]);
    if (wanted.kind == catalog::RecordKind::srv) drop_repeated(picks, wanted.wan);
    return {.any = !picks.empty()};
}

const catalog::HostText& node_address(const catalog::NodeRecord& node, std::uint16_t type, bool wan) {
    return catalog::node_address(node, family_of(type), wan);
}

Target target_of(const catalog::Instance& instance, std::uint16_t type, const wire::Name& owner, bool wan) {
    using Kind = Target::Kind;
    const catalog::HostText& service = catalog::service_address(instance, family_of(type), wan);
    if (service.ip) return {Kind::address, &service};
    const catalog::HostText& node = node_address(*instance.node, type, wan);
    if (service.empty()) {
        if (node.empty()) return {};
        if (!node.ip) return {Kind::name, &node};
        // The HTTP API gives a translated node address in place of the registered one; the tag shows which it is. Agents tag the registered
        // address for the LAN, and for the WAN too unless configured otherwise.
        const catalog::TaggedAddresses& tags = instance.node->tagged;
        const bool translated = wan && (&node == &tags.wan || &node == &tags.wan_ipv4 || &node == &tags.wan_ipv6);
        const bool registered = wan && !tags.lan.empty() ? node == tags.lan
                                : translated             ? node == tags.lan_ipv4 || node == tags.lan_ipv6
                                                         : node == instance.node->address;
        return {registered ? Kind::node : Kind::address, &node};
    }
    // A service whose address is its own name would be an alias to itself.
    if (node.ip) {
        const auto name = wire::Name::parse(service.text);
        if (name && *name == owner) return {Kind::node, &node};
    }
    return {Kind::name, &service};
}

Outcome answer_service(ZoneReply& reply, const ZoneName& name) {
    const catalog::ServiceEntry* entry = nullptr;
    if (const Outcome found = reply.find_service(name.service, name.datacenter, entry); found != Outcome::answered) return found;
    if (reply.context.witness) reply.context.witness->selected(*entry, name.tag);
    const Lookup lookup = lookup_of(reply, name);
    const bool srv = reply.question.type == rrtype::srv;
    const Into into{.type = reply.question.type};
    const Wanted wanted =
        srv ? Wanted{name.tag, catalog::RecordKind::srv, lookup.wan, records_max(reply, srv_bytes_least(reply, lookup.datacenter))}
            : wanted_addresses(reply, name, lookup, into);
    Picks picks;
    AddressPicks addresses;
    const Picked picked = pick_instances(*entry, wanted, reply.settings, reply.context.random, picks, addresses);
    if (!picked.any) return has_names_below(reply, name, *entry) ? Outcome::no_data : Outcome::no_name;
    const auto write = [&] {
        if (srv) return add_srv(reply, picks, lookup);
        return picked.drawn ? add_drawn(reply, addresses, lookup, reply.question.name, into)
                            : add_addresses(reply, picks, lookup, reply.question.name, into);
    };
    return reply.agent.cuts_as_agent ? write_as_agent(reply, write) : write();
}

Outcome add_service(ZoneReply& reply, const ZoneName& name, const wire::Name& owner, const Into& into) {
    const catalog::ServiceEntry* entry = nullptr;
    if (const Outcome found = reply.find_service(name.service, name.datacenter, entry); found != Outcome::answered) return found;
    if (reply.context.witness) reply.context.witness->selected(*entry, name.tag);
    const Lookup lookup = lookup_of(reply, name);
    Picks picks;
    AddressPicks addresses;
    const Picked picked =
        pick_instances(*entry, wanted_addresses(reply, name, lookup, into), reply.settings, reply.context.random, picks, addresses);
    if (!picked.any) return Outcome::no_name;
    Into inner = into;
    auto room = room_of_inner_answer(reply, into);
    if (room) inner.room = &*room;
    return picked.drawn ? add_drawn(reply, addresses, lookup, owner, inner) : add_addresses(reply, picks, lookup, owner, inner);
}

}  // namespace lictor::zone
