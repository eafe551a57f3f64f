// Services: the hot path of the zone.
#include "resolver/core/zone_service.hpp"

#include <algorithm>
#include <array>
#include <unordered_set>

#include "resolver/core/zone_cut.hpp"
#include "resolver/core/zone_node.hpp"

namespace lictor {
namespace {

using Section = ZoneReply::Section;

constexpr std::size_t ns_max = 3;  // the agent gives no more name servers
constexpr std::size_t srv_bytes_least = 2 + record_overhead + 6 + 1;

/// What the answers for one service share.
struct Lookup {
    std::string_view datacenter;
    std::uint32_t ttl = 0;
    bool wan = false;
};

/// Where an alias leads, the better first. One that fits no message is the last choice.
enum class Prospect : std::uint8_t { somewhere, nowhere, no_name };

Prospect prospect_of(ZoneReply& reply, const HostText& host) {
    if (!name_of(host)) return Prospect::no_name;
    return is_dead_end(reply, host) ? Prospect::nowhere : Prospect::somewhere;
}

/// Addresses of the picked instances, or one alias if there are only names.
Outcome add_addresses(ZoneReply& reply, const Picks& picks, const Lookup& lookup, const Name& owner, const Into& into) {
    const std::uint32_t ttl = into.ttl.value_or(lookup.ttl);
    const std::size_t most = into.one ? 1 : reply.settings.a_record_limit ? reply.settings.a_record_limit : picks.size();
    const HostText* alias = nullptr;
    Prospect alias_leads = Prospect::somewhere;
    SeenAddresses seen;
    std::size_t given = 0;
    for (const Instance* instance : picks) {
        const Target target = target_of(*instance, into.type, owner, lookup.wan);
        if (target.kind == Target::Kind::none) continue;
        if (target.kind == Target::Kind::name) {
            if (given == 0 && (!alias || alias_leads != Prospect::somewhere)) {
                const Prospect leads = reply.strict ? Prospect::somewhere : prospect_of(reply, *target.host);
                if (!alias || leads < alias_leads) alias = target.host, alias_leads = leads;
            }
            continue;
        }
        const Address& address = *target.host->ip;
        if (!serves(into.type, address) || !seen.add(address)) continue;
        ++given;
        if (!into.take(owner, address) || (!reply.put_address(into.section, owner, ttl, address) && !reply.strict) || given == most) break;
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

/// The SRV target of an instance; nothing if it fits no DNS name.
std::optional<Name> srv_target(ZoneReply& reply, const Instance& instance, const Target& target, std::string_view datacenter) {
    switch (target.kind) {
        case Target::Kind::node:
            return reply.node_name(instance.node->name, datacenter);
        case Target::Kind::address:
            return hex_name(reply, *target.host->ip, datacenter);
        case Target::Kind::name:
            return name_of(*target.host);
        case Target::Kind::none:
            break;
    }
    return std::nullopt;
}

/// Addresses of all targets first, so that metadata never takes their room.
Outcome add_srv_additional(ZoneReply& reply, const Picks& picks, const Lookup& lookup) {
    const Name& owner = reply.question.name;
    std::unordered_set<Name, NameHash> synced;  // stays empty otherwise
    std::size_t left = reply.count(Section::answer);
    for (const Instance* const* at = picks.begin(); at != picks.end() && left > 0; ++at) {
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
    for (const Instance* const* at = picks.begin(); at != picks.end() && left > 0; ++at) {
        --left;
        if ((*at)->node->meta.empty()) continue;
        if (const auto node = reply.node_name((*at)->node->name, lookup.datacenter))
            put_metadata(reply, Section::additional, *node, lookup.ttl, *(*at)->node);
    }
    return Outcome::answered;
}

Outcome add_srv(ZoneReply& reply, const Picks& picks, const Lookup& lookup) {
    const Name& owner = reply.question.name;
    bool nameless = false;
    for (const Instance* const* at = picks.begin(); at != picks.end(); ++at) {
        const Instance& instance = **at;
        const Target target = target_of(instance, rrtype::srv, owner, lookup.wan);
        if (target.kind == Target::Kind::none) continue;
        const auto name = srv_target(reply, instance, target, lookup.datacenter);
        if (!name) {
            nameless = true;
            continue;
        }
        if (!reply.put_srv(owner, lookup.ttl, instance.weight, static_cast<std::uint16_t>(srv_port(instance, lookup.wan)), *name) && !reply.strict) break;
    }
    if (reply.answers() == 0) return nameless ? Outcome::unencodable : Outcome::no_data;
    return add_srv_additional(reply, picks, lookup);
}

/// A name that matches nothing, but has names below it that do (RFC 8020), or belongs to a cluster that is known.
bool has_names_below(const ZoneReply& reply, const ZoneName& name, const ServiceEntry& entry) {
    if (reply.strict) return false;
    if (name.datacenter.empty() && (name.tag.empty() || name.tag == "replica")) {
        const auto leader = reply.catalog.leaders->find(name.service);
        if (leader != reply.catalog.leaders->end() && leader->second->state != LeaderState::gone) return true;
    }
    if (name.tag.empty()) return false;
    return std::ranges::any_of(entry.instances, [&](const Instance& instance) {
        return is_usable(instance, reply.settings) && std::ranges::any_of(instance.tags, [&](const std::string& tag) {
                   return tag.size() > name.tag.size() && tag.ends_with(name.tag) && tag[tag.size() - name.tag.size() - 1] == '.';
               });
    });
}

}  // namespace

bool is_translated(const ZoneReply& reply, std::string_view datacenter) {
    return !datacenter.empty() && reply.settings.translate_wan;
}

Outcome find_service(ZoneReply& reply, std::string_view service, std::string_view datacenter, const ServiceEntry*& entry) {
    if (reply.catalog.expired) return Outcome::expired;
    const auto& table = *reply.catalog.services;
    std::array<char, 256> key;  // both stand in one name, so they fit; the form is service_key's
    std::string_view where = service;
    if (!datacenter.empty()) {
        auto* end = std::copy(service.begin(), service.end(), key.data());
        *end++ = '\0';
        end = std::copy(datacenter.begin(), datacenter.end(), end);
        where = {key.data(), static_cast<std::size_t>(end - key.data())};
    }
    const auto found = table.find(where);
    if (found == table.end()) return reply.wait_for(Need::Kind::service, service, datacenter);
    entry = found->second.get();
    entry->usage->touch(reply.second());
    switch (entry->state) {
        case FactState::known:
            break;
        case FactState::loading:
            return reply.wait_for(Need::Kind::service, service, datacenter);
        case FactState::failed:
            return entry->no_datacenter ? Outcome::no_name : Outcome::delegate;
        case FactState::delegated:
            return Outcome::delegate;
    }
    reply.note_stale(entry->stale);
    return Outcome::answered;
}

Outcome answer_service(ZoneReply& reply, const ZoneName& name) {
    const ServiceEntry* entry = nullptr;
    if (const Outcome found = find_service(reply, name.service, name.datacenter, entry); found != Outcome::answered) return found;
    Picks picks;
    pick_instances(*entry, name.tag, reply.settings, reply.context.random, picks);
    if (picks.empty()) return has_names_below(reply, name, *entry) ? Outcome::no_data : Outcome::no_name;
    const Lookup lookup{name.datacenter, service_ttl(reply.settings, name.service), is_translated(reply, name.datacenter)};
    if (reply.question.type == rrtype::srv) drop_repeated(picks, lookup.wan, reply.strict ? picks.size() : reply.limit_bytes() / srv_bytes_least + 1);
    const auto write = [&] {
        if (reply.question.type == rrtype::srv) return add_srv(reply, picks, lookup);
        return add_addresses(reply, picks, lookup, reply.question.name, Into{.type = reply.question.type});
    };
    return reply.strict ? write_as_agent(reply, write) : write();
}

Outcome add_service(ZoneReply& reply, const ZoneName& name, const Name& owner, const Into& into) {
    const ServiceEntry* entry = nullptr;
    if (const Outcome found = find_service(reply, name.service, name.datacenter, entry); found != Outcome::answered) return found;
    Picks picks;
    pick_instances(*entry, name.tag, reply.settings, reply.context.random, picks);
    if (picks.empty()) return Outcome::no_name;
    const Lookup lookup{name.datacenter, service_ttl(reply.settings, name.service), is_translated(reply, name.datacenter)};
    Into inner = into;
    auto room = room_of_inner_answer(reply, into);
    if (room) inner.room = &*room;
    return add_addresses(reply, picks, lookup, owner, inner);
}

Outcome answer_apex(ZoneReply& reply) {
    const bool soa = reply.question.type == rrtype::soa;
    const ServiceEntry* entry = nullptr;
    const Outcome found = find_service(reply, "consul", {}, entry);
    if (found == Outcome::wait || found == Outcome::expired || (found == Outcome::delegate && entry->state == FactState::delegated))
        return found;
    if (soa) reply.put_soa(Section::answer);
    if (found != Outcome::answered) return Outcome::answered;  // the servers cannot be listed: the agent gives the SOA, or nothing
    Picks picks;
    pick_instances(*entry, {}, reply.settings, reply.context.random, picks);
    struct Server {
        Name name;
        const NodeRecord* node;
    };
    std::vector<Server> servers;
    for (const Instance* instance : picks) {
        const NodeRecord& node = *instance->node;
        const bool plain =
            std::ranges::all_of(node.name_lower, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
        if (!plain) continue;  // no host name (RFC 952)
        if (const auto name = reply.node_name(node.name_lower, {})) servers.push_back({reply.strict ? name->lower() : *name, &node});
        if (servers.size() == ns_max) break;
    }
    const std::uint32_t ttl = reply.settings.node_ttl;
    const Name owner = reply.answer_domain();
    for (const Server& server : servers) reply.put_name(soa ? Section::authority : Section::answer, owner, rrtype::ns, ttl, server.name);
    for (const Server& server : servers) {
        const Into into{.section = Section::additional, .type = rrtype::any, .ttl = {}, .host_ttl = ttl};
        const Outcome outcome = add_node_record(reply, *server.node, server.name, ttl, false, into);
        if (outcome == Outcome::wait || outcome == Outcome::delegate) return outcome;
    }
    return Outcome::answered;
}

}  // namespace lictor
