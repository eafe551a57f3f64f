// Answers queries for nodes and addresses.
#include "resolver/zone/node.hpp"

#include <algorithm>
#include <array>

#include "conf/base/ascii.hpp"
#include "resolver/zone/metadata.hpp"
#include "resolver/zone/service.hpp"

namespace lictor::zone {
namespace {

using Section = ZoneReply::Section;

constexpr std::size_t ns_max = 3;  // the agent sends no more name servers

bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

std::string without_dashes(std::string_view text) {
    std::string plain;
    std::ranges::copy_if(text, std::back_inserter(plain), [](char c) { return c != '-'; });
    return plain;
}

/// The only node whose UUID begins with `prefix`, else null; see AgentBehaviour::finds_nodes_by_id.
const catalog::NodeRecord* find_by_id(const catalog::NodeTable& table, std::string_view prefix) {
    if (prefix.size() < 2 || prefix.size() > 36 || std::ranges::count(prefix, '-') > 4) return nullptr;
    const std::string digits = without_dashes(prefix.substr(0, prefix.size() / 2 * 2));
    if (digits.size() % 2 != 0 || !std::ranges::all_of(digits, is_hex)) return nullptr;
    const catalog::NodeRecord* only = nullptr;
    for (const auto& node : table.in_order) {
        const std::string id = lower_case(without_dashes(node->id));
        if (id.empty() || !id.starts_with(digits)) continue;
        if (only) return nullptr;
        only = node.get();
    }
    return only;
}

const catalog::NodeRecord* find_record(const ZoneReply& reply, const catalog::NodeTable& table, std::string_view name_lower) {
    const auto found = table.by_name.find(name_lower);
    if (found != table.by_name.end()) return found->second.get();
    return reply.agent.finds_nodes_by_id ? find_by_id(table, name_lower) : nullptr;
}

/// True for `com` if a node is named `db.example.com` (RFC 8020).
bool has_names_below(const catalog::NodeTable& table, std::string_view name) {
    return std::ranges::any_of(table.in_order, [&](const auto& node) {
        const std::string& full = node->name_lower;
        return full.size() > name.size() && full.ends_with(name) && full[full.size() - name.size() - 1] == '.';
    });
}

/// The address of an `.addr` name's hex digits, of which there are 8 or 32.
std::optional<Address> parse_hex(std::string_view hex) {
    if ((hex.size() != 8 && hex.size() != 32) || !std::ranges::all_of(hex, is_hex)) return std::nullopt;
    std::array<std::uint8_t, 16> raw{};
    const auto digit = [](char c) { return static_cast<unsigned>(c <= '9' ? c - '0' : c - 'a' + 10); };
    for (std::size_t i = 0; i < hex.size(); i += 2) raw[i / 2] = static_cast<std::uint8_t>(digit(hex[i]) << 4 | digit(hex[i + 1]));
    return Address::from_bytes(std::span(raw).first(hex.size() / 2));
}

/// The owner of an `.addr` name's address as the agent makes it: in lower case, below the answer domain.
std::optional<wire::Name> hex_owner(ZoneReply& reply, const wire::Name& lower, const wire::Name& domain) {
    const std::size_t below = lower.size() - domain.size();
    std::array<std::uint8_t, 255> wire;
    std::copy_n(lower.wire().begin(), below, wire.begin());
    const wire::Bytes tail = reply.answer_domain().wire();
    if (below + tail.size() > wire.size()) return std::nullopt;
    std::copy(tail.begin(), tail.end(), wire.begin() + static_cast<std::ptrdiff_t>(below));
    return wire::Name::from_wire(wire::Bytes(wire).first(below + tail.size()));
}

/// A record type that `<node>.node` has.
struct NodeType {
    std::uint16_t type;
    /// Writes the records of the query's type into ANSWER. `no_data`: there is none.
    Outcome (*put)(ZoneReply& reply, const catalog::NodeRecord& node, const ZoneName& name);
    bool in_any;  ///< `put` is called for a query of type ANY, too
};

Outcome put_node_address(ZoneReply& reply, const catalog::NodeRecord& node, const ZoneName& name) {
    const std::uint32_t ttl = reply.settings.node_ttl;
    const Into into{.type = reply.question.type, .host_ttl = ttl};
    return add_node_record(reply, node, reply.question.name, ttl, reply.is_translated(name.datacenter), into);
}

Outcome put_node_metadata(ZoneReply& reply, const catalog::NodeRecord& node, const ZoneName&) {
    put_metadata(reply, Section::answer, reply.question.name, reply.settings.node_ttl, node);
    return Outcome::answered;
}

constexpr NodeType node_types[] = {
    {.type = rrtype::a, .put = put_node_address, .in_any = true},
    {.type = rrtype::aaaa, .put = put_node_address, .in_any = false},  // the row above writes both families
    {.type = rrtype::txt, .put = put_node_metadata, .in_any = true},
};

}  // namespace

bool is_known_datacenter(const catalog::Catalog& catalog, std::string_view datacenter) {
    const auto nodes = catalog.nodes->find(datacenter);
    if (nodes != catalog.nodes->end() && nodes->second->state == catalog::FactState::known) return true;
    return std::ranges::any_of(*catalog.services, [&](const auto& item) {
        return item.second->datacenter == datacenter && item.second->state == catalog::FactState::known;
    });
}

Outcome add_node_record(ZoneReply& reply, const catalog::NodeRecord& node, const wire::Name& owner, std::uint32_t ttl, bool wan,
                        const Into& into) {
    const catalog::HostText& address = node_address(node, into.type, wan);
    if (address.ip) {
        if (!serves(into.type, *address.ip) || (into.seen && !into.seen->add(*address.ip))) return Outcome::no_data;
        if (into.take(owner, *address.ip)) reply.put_address(into.section, owner, ttl, *address.ip);
        return Outcome::answered;
    }
    const auto target = name_of(address);
    if (!target) return Outcome::unencodable;
    if (!into.take(owner, *target)) return Outcome::answered;
    Into behind = into;
    behind.registered = address.text;
    auto room = room_behind_alias(reply, into);
    if (room) behind.room = &*room;
    return add_alias(reply, owner, *target, ttl, behind);
}

Outcome add_node(ZoneReply& reply, const ZoneName& name, const wire::Name& owner, const Into& into) {
    const catalog::NodeTable* table = nullptr;
    if (const Outcome found = reply.find_nodes(name.datacenter, table); found != Outcome::answered) return found;
    const catalog::NodeRecord* node = find_record(reply, *table, name.node);
    if (!node) return Outcome::no_name;
    const std::uint32_t ttl = into.ttl.value_or(reply.settings.node_ttl);
    return add_node_record(reply, *node, owner, ttl, reply.is_translated(name.datacenter), into);
}

bool is_node_type(std::uint16_t type) {
    return type == rrtype::any || std::ranges::any_of(node_types, [&](const NodeType& row) { return row.type == type; });
}

Outcome answer_node(ZoneReply& reply, const ZoneName& name) {
    const std::uint16_t type = reply.question.type;
    if (!reply.agent.looks_up_all_types && !is_node_type(type)) return Outcome::answered;
    const catalog::NodeTable* table = nullptr;
    if (const Outcome found = reply.find_nodes(name.datacenter, table); found != Outcome::answered) return found;
    const catalog::NodeRecord* node = find_record(reply, *table, name.node);
    if (!node) return reply.agent.keeps_empty_names && has_names_below(*table, name.node) ? Outcome::no_data : Outcome::no_name;
    if (!is_node_type(type)) return Outcome::no_data;
    for (const NodeType& row : node_types) {
        if (type == rrtype::any ? !row.in_any : type != row.type) continue;
        const Outcome outcome = row.put(reply, *node, name);
        if (outcome != Outcome::answered && outcome != Outcome::no_data) return outcome;
    }
    // Without the SOA a resolver chooses itself how long it keeps a negative answer (RFC 2308 §5).
    if (reply.answers() == 0 && reply.agent.sends_soa_without_data) reply.put_soa(Section::authority);
    if (type != rrtype::any && type != rrtype::txt && reply.settings.node_meta_txt)
        put_metadata(reply, Section::additional, reply.question.name, reply.settings.node_ttl, *node);
    return Outcome::answered;
}

Outcome add_hex_address(ZoneReply& reply, const ZoneName& name, const wire::Name& owner, const wire::Name* domain, const Into& into) {
    const auto address = parse_hex(name.node);
    if (!address) return Outcome::no_name;
    if (!serves(into.type, *address)) return Outcome::no_data;
    const wire::Name record_owner =
        reply.agent.addr_owner_as_made && !into.leader && domain ? hex_owner(reply, owner.lower(), *domain).value_or(owner) : owner;
    if (into.take(record_owner, *address))
        reply.put_address(into.section, record_owner, into.ttl.value_or(reply.settings.node_ttl), *address);
    return Outcome::answered;
}

Outcome answer_hex_address(ZoneReply& reply, const ZoneName& name) {
    using Misfit = catalog::AgentBehaviour::Misfit;
    const auto address = parse_hex(name.node);
    if (!address) {
        // Agents without denies_malformed_addr answer NXDOMAIN only for 8, 9, 32 or 33 characters.
        const bool near = name.escaped_size / 2 == 4 || name.escaped_size / 2 == 16;
        return near || reply.agent.denies_malformed_addr ? Outcome::no_name : Outcome::answered;
    }
    const std::uint16_t type = reply.question.type;
    const bool fits = type == rrtype::any || type == (address->v6 ? rrtype::aaaa : rrtype::a);
    const Misfit misfit = reply.agent.misfit_addr;
    if (!fits && misfit == Misfit::no_data) return Outcome::no_data;
    const auto owner =
        reply.agent.addr_owner_as_made ? hex_owner(reply, reply.question.lower, reply.domain) : std::optional(reply.question.lower);
    if (!owner) return Outcome::unencodable;
    const Section section = fits || misfit == Misfit::answer ? Section::answer : Section::additional;
    reply.put_address(section, *owner, reply.settings.node_ttl, *address);
    return Outcome::answered;
}

Outcome answer_reverse(ZoneReply& reply) {
    const catalog::NodeTable* table = nullptr;
    if (const Outcome found = reply.find_nodes({}, table); found != Outcome::answered)
        return found == Outcome::no_name ? Outcome::delegate : found;
    const auto address = wire::address_of_reverse(reply.question.lower);
    if (!address) return Outcome::delegate;
    std::optional<wire::Name> target;
    for (const auto& node : table->in_order) {
        if (node->address.ip != address) continue;
        target = reply.node_name(node->name, {});
        if (!target) return Outcome::unencodable;
        break;
    }
    if (!target) {
        // The agent lists services by node and id; the first with the address is the target.
        const catalog::Instance* first = nullptr;
        const auto before = [](const catalog::Instance& a, const catalog::Instance& b) {
            const int order = a.node->name_lower.compare(b.node->name_lower);
            return order != 0 ? order < 0 : a.id < b.id;
        };
        for (const auto& [key, entry] : *reply.catalog.services) {
            if (!entry->datacenter.empty() || entry->state != catalog::FactState::known) continue;
            for (const catalog::Instance& instance : entry->instances)
                if (instance.address.ip == address && (!first || before(instance, *first))) first = &instance;
        }
        if (!first) return Outcome::delegate;
        const wire::Name& name = reply.located("service", {});
        const auto service = wire::Name::parse(first->name);
        target = service;
        if (!target || !target->append(name)) return Outcome::unencodable;
    }
    reply.put_name(Section::answer, reply.question.name, rrtype::ptr, 0, *target);
    if (reply.question.type == rrtype::soa) reply.put_soa(Section::authority);
    return Outcome::answered;
}

Outcome answer_apex(ZoneReply& reply) {
    const bool soa = reply.question.type == rrtype::soa;
    const catalog::ServiceEntry* entry = nullptr;
    const Outcome found = reply.find_service("consul", {}, entry);
    if (found == Outcome::wait || found == Outcome::expired ||
        (found == Outcome::delegate && entry->state == catalog::FactState::delegated))
        return found;
    if (soa) reply.put_soa(Section::answer);
    if (found != Outcome::answered) return Outcome::answered;  // as the agent does if it cannot list its servers
    Picks picks;
    AddressPicks unused;
    pick_instances(*entry, Wanted{}, reply.settings, reply.context.random, picks, unused);
    struct Server {
        wire::Name name;
        const catalog::NodeRecord* node;
    };
    std::vector<Server> servers;
    for (const catalog::Instance* instance : picks) {
        const catalog::NodeRecord& node = *instance->node;
        const bool plain =
            std::ranges::all_of(node.name_lower, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
        if (!plain) continue;  // not a host name (RFC 952)
        if (const auto name = reply.node_name(node.name_lower, {}))
            servers.push_back({reply.agent.lower_cases_servers ? name->lower() : *name, &node});
        if (servers.size() == ns_max) break;
    }
    const std::uint32_t ttl = reply.settings.node_ttl;
    const wire::Name owner = reply.answer_domain();
    for (const Server& server : servers) reply.put_name(soa ? Section::authority : Section::answer, owner, rrtype::ns, ttl, server.name);
    for (const Server& server : servers) {
        const Into into{.section = Section::additional, .type = rrtype::any, .ttl = {}, .host_ttl = ttl};
        const Outcome outcome = add_node_record(reply, *server.node, server.name, ttl, false, into);
        if (outcome == Outcome::wait || outcome == Outcome::delegate) return outcome;
    }
    return Outcome::answered;
}

}  // namespace lictor::zone
