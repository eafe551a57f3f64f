// Answers queries for services, which are the most frequent ones.
#include "resolver/zone/service.hpp"

#include <algorithm>
#include <unordered_set>

#include "resolver/zone/cut.hpp"
#include "resolver/zone/metadata.hpp"

namespace lictor::zone {
namespace {

using Section = ZoneReply::Section;

constexpr std::size_t srv_bytes_least = 2 + record_overhead + 6 + 1;

// ------------------------------------------------------------------------------------------- which instances, which address

/// Tagged addresses go before the registered one; for types other than A and AAAA, IPv6 goes first. With `wan` the WAN addresses are used.
const catalog::HostText& choose(const catalog::HostText& plain, const catalog::TaggedAddresses& tagged, std::uint16_t type, bool wan) {
    const catalog::HostText& v4 = wan && !tagged.wan_ipv4.empty() ? tagged.wan_ipv4 : tagged.lan_ipv4;
    const catalog::HostText& v6 = wan && !tagged.wan_ipv6.empty() ? tagged.wan_ipv6 : tagged.lan_ipv6;
    if (type != rrtype::a && !v6.empty()) return v6;
    if (type != rrtype::aaaa && !v4.empty()) return v4;
    if (!wan) return plain;
    // The HTTP API has translated the address already, by another rule (as for ANY); the registered one is under `lan`.
    if (!tagged.wan.empty()) return tagged.wan;
    return tagged.lan.empty() ? plain : tagged.lan;
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
    return choose(instance.address, instance.tagged, rrtype::any, wan);
}

/// Keeps the first of all instances with the same node, address and port, at most `most` in all.
void drop_repeated(Picks& picks, bool wan, std::size_t most) {
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
    for (std::size_t i = 0; i < picks.size() && kept < most; ++i) {
        if (kept == few && seen.empty()) {
            seen.reserve(std::min(most, picks.size()));
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
    return std::ranges::any_of(entry.instances, [&](const catalog::Instance& instance) {
        return catalog::is_usable(instance, reply.settings) && std::ranges::any_of(instance.tags, [&](const std::string& tag) {
                   return tag.size() > name.tag.size() && tag.ends_with(name.tag) && tag[tag.size() - name.tag.size() - 1] == '.';
               });
    });
}

}  // namespace

void pick_instances(const catalog::ServiceEntry& entry, std::string_view tag_lower, const catalog::ConsulSettings& settings, Random& random,
                    Picks& picks) {
    for (const catalog::Instance& instance : entry.instances)
        if (catalog::left_out(instance, tag_lower, settings) == catalog::LeftOut::none) picks.push_back(&instance);
    const catalog::Instance** items = picks.begin();
    for (std::size_t left = picks.size(); left > 1; --left)
        std::swap(items[left - 1], items[random.below(static_cast<std::uint32_t>(left))]);
}

const catalog::HostText& node_address(const catalog::NodeRecord& node, std::uint16_t type, bool wan) {
    return choose(node.address, node.tagged, type, wan);
}

std::uint32_t srv_port(const catalog::Instance& instance, bool wan) {
    return wan && instance.tagged.wan_port ? instance.tagged.wan_port : instance.port;
}

Target target_of(const catalog::Instance& instance, std::uint16_t type, const wire::Name& owner, bool wan) {
    using Kind = Target::Kind;
    const catalog::HostText& service = choose(instance.address, instance.tagged, type, wan);
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
    Picks picks;
    if (reply.context.witness) reply.context.witness->selected(*entry, name.tag);
    pick_instances(*entry, name.tag, reply.settings, reply.context.random, picks);
    if (picks.empty()) return has_names_below(reply, name, *entry) ? Outcome::no_data : Outcome::no_name;
    const Lookup lookup = lookup_of(reply, name);
    const bool as_agent = reply.agent.cuts_as_agent;
    if (reply.question.type == rrtype::srv)
        drop_repeated(picks, lookup.wan, as_agent ? picks.size() : reply.limit_bytes() / srv_bytes_least + 1);
    const auto write = [&] {
        if (reply.question.type == rrtype::srv) return add_srv(reply, picks, lookup);
        return add_addresses(reply, picks, lookup, reply.question.name, Into{.type = reply.question.type});
    };
    return as_agent ? write_as_agent(reply, write) : write();
}

Outcome add_service(ZoneReply& reply, const ZoneName& name, const wire::Name& owner, const Into& into) {
    const catalog::ServiceEntry* entry = nullptr;
    if (const Outcome found = reply.find_service(name.service, name.datacenter, entry); found != Outcome::answered) return found;
    Picks picks;
    if (reply.context.witness) reply.context.witness->selected(*entry, name.tag);
    pick_instances(*entry, name.tag, reply.settings, reply.context.random, picks);
    if (picks.empty()) return Outcome::no_name;
    const Lookup lookup = lookup_of(reply, name);
    Into inner = into;
    auto room = room_of_inner_answer(reply, into);
    if (room) inner.room = &*room;
    return add_addresses(reply, picks, lookup, owner, inner);
}

}  // namespace lictor::zone
