// Nodes and addresses.
#include "resolver/core/zone_node.hpp"

#include <algorithm>
#include <array>

#include "resolver/core/zone_service.hpp"

namespace lictor {
namespace {

using Section = ZoneReply::Section;

/// `answered`: the datacenter's nodes are there, and `table` is set.
Outcome find_nodes(ZoneReply& reply, std::string_view datacenter, const NodeTable*& table) {
    if (reply.catalog.expired) return Outcome::expired;
    const auto found = reply.catalog.nodes->find(datacenter);
    if (found == reply.catalog.nodes->end()) return reply.wait_for(Need::Kind::nodes, {}, datacenter);
    table = found->second.get();
    table->usage->touch(reply.second());
    switch (table->state) {
        case FactState::known:
            break;
        case FactState::loading:
            return reply.wait_for(Need::Kind::nodes, {}, datacenter);
        case FactState::failed:
            return table->no_datacenter ? Outcome::no_name : Outcome::delegate;
        case FactState::delegated:
            return Outcome::delegate;
    }
    reply.note_stale(table->stale);
    return Outcome::answered;
}

bool is_hex(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

std::string without_dashes(std::string_view text) {
    std::string plain;
    std::ranges::copy_if(text, std::back_inserter(plain), [](char c) { return c != '-'; });
    return plain;
}

/// The agent takes the beginning of a node's UUID for its name, where only one node's begins so (strict only: it answers with a
/// node that nobody asked for).
const NodeRecord* find_by_id(const NodeTable& table, std::string_view prefix) {
    if (prefix.size() < 2 || prefix.size() > 36 || std::ranges::count(prefix, '-') > 4) return nullptr;
    const std::string wanted = without_dashes(prefix.substr(0, prefix.size() / 2 * 2));
    if (wanted.size() % 2 != 0 || !std::ranges::all_of(wanted, is_hex)) return nullptr;
    const NodeRecord* only = nullptr;
    for (const auto& node : table.in_order) {
        std::string id = without_dashes(node->id);
        std::ranges::transform(id, id.begin(), [](char c) { return static_cast<char>(lower_ascii(static_cast<std::uint8_t>(c))); });
        if (id.empty() || !id.starts_with(wanted)) continue;
        if (only) return nullptr;
        only = node.get();
    }
    return only;
}

const NodeRecord* find_record(const ZoneReply& reply, const NodeTable& table, std::string_view name_lower) {
    const auto found = table.by_name.find(name_lower);
    if (found != table.by_name.end()) return found->second.get();
    return reply.strict ? find_by_id(table, name_lower) : nullptr;
}

/// `com` of a node named `db.example.com`: RFC 8020.
bool has_names_below(const NodeTable& table, std::string_view name) {
    return std::ranges::any_of(table.in_order, [&](const auto& node) {
        const std::string& full = node->name_lower;
        return full.size() > name.size() && full.ends_with(name) && full[full.size() - name.size() - 1] == '.';
    });
}

using Text = NearList<char, 1536>;  // Consul allows 128 bytes for a key and 512 for a value

/// Puts text as the agent's DNS library does: a backslash takes itself away and quotes what follows it (`\DDD` is one byte). Gives the
/// size of the text before.
std::size_t put_unescaped(Text& out, std::string_view text) {
    const auto digit = [&](std::size_t at) { return at < text.size() && text[at] >= '0' && text[at] <= '9'; };
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '\\') {
            out.push_back(text[i]);
        } else if (digit(i + 1) && digit(i + 2) && digit(i + 3)) {
            out.push_back(static_cast<char>((text[i + 1] - '0') * 100 + (text[i + 2] - '0') * 10 + (text[i + 3] - '0')));
            i += 3;
        } else if (++i < text.size()) {
            out.push_back(text[i]);
        }
    }
    return text.size();
}

/// `key=value` with the key quoted after RFC 1464; only the value for keys that begin with `rfc1035-`.
std::size_t write_attribute(Text& out, std::string_view key, std::string_view value) {
    static constexpr std::string_view plain = "rfc1035-";
    const auto same = [](char a, char b) { return lower_ascii(static_cast<std::uint8_t>(a)) == static_cast<std::uint8_t>(b); };
    if (key.size() >= plain.size() && std::equal(plain.begin(), plain.end(), key.begin(), [&](char a, char b) { return same(b, a); }))
        return put_unescaped(out, value);
    Text quoted;
    const auto first = std::min(key.find_first_not_of(' '), key.size());
    const auto last = key.find_last_not_of(' ');
    for (std::size_t i = 0; i < key.size(); ++i) {
        const bool edge = key[i] == ' ' && (i < first || last == std::string_view::npos || i > last);
        if (edge || key[i] == '`' || key[i] == '=') quoted.push_back('`');
        if (first == key.size() && i + 1 == key.size()) quoted.push_back('`');  // of a key of blanks alone the last one is quoted twice
        quoted.push_back(key[i]);
    }
    quoted.push_back('=');
    for (const char c : value) {
        if (c == '`') quoted.push_back('`');
        quoted.push_back(c);
    }
    return put_unescaped(out, {quoted.begin(), quoted.size()});
}

/// Hex digits of an `.addr` name: 8 or 32 of them.
std::optional<Address> parse_hex(std::string_view hex) {
    if ((hex.size() != 8 && hex.size() != 32) || !std::ranges::all_of(hex, is_hex)) return std::nullopt;
    std::array<std::uint8_t, 16> raw{};
    const auto digit = [](char c) { return static_cast<unsigned>(c <= '9' ? c - '0' : c - 'a' + 10); };
    for (std::size_t i = 0; i < hex.size(); i += 2) raw[i / 2] = static_cast<std::uint8_t>(digit(hex[i]) << 4 | digit(hex[i + 1]));
    return Address::from_bytes(std::span(raw).first(hex.size() / 2));
}

/// The owner of an `.addr` name's address is in lower case, and before 1.11 always below the primary domain.
std::optional<Name> hex_owner(ZoneReply& reply, const Name& lower, const Name& domain) {
    const std::size_t below = lower.size() - domain.size();
    std::array<std::uint8_t, 255> wire;
    std::copy_n(lower.wire().begin(), below, wire.begin());
    const Bytes tail = reply.answer_domain().wire();
    if (below + tail.size() > wire.size()) return std::nullopt;
    std::copy(tail.begin(), tail.end(), wire.begin() + static_cast<std::ptrdiff_t>(below));
    return Name::from_wire(Bytes(wire).first(below + tail.size()));
}

}  // namespace

bool is_node_type(std::uint16_t type) {
    return type == rrtype::a || type == rrtype::aaaa || type == rrtype::txt || type == rrtype::any;
}

bool is_known_datacenter(const Catalog& catalog, std::string_view datacenter) {
    const auto nodes = catalog.nodes->find(datacenter);
    if (nodes != catalog.nodes->end() && nodes->second->state == FactState::known) return true;
    return std::ranges::any_of(*catalog.services, [&](const auto& item) {
        return item.second->datacenter == datacenter && item.second->state == FactState::known;
    });
}

void put_metadata(ZoneReply& reply, Section section, const Name& owner, std::uint32_t ttl, const NodeRecord& node) {
    for (const auto& [key, value] : node.meta) {
        Text text;
        const std::size_t before = write_attribute(text, key, value);
        if (!reply.put_txt(section, owner, ttl, {text.begin(), text.size()})) return;
        reply.reckon(before - text.size());
    }
}

Outcome add_node_record(ZoneReply& reply, const NodeRecord& node, const Name& owner, std::uint32_t ttl, bool wan, const Into& into) {
    const HostText& address = node_address(node, into.type, wan);
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

Outcome add_node(ZoneReply& reply, const ZoneName& name, const Name& owner, const Into& into) {
    const NodeTable* table = nullptr;
    if (const Outcome found = find_nodes(reply, name.datacenter, table); found != Outcome::answered) return found;
    const NodeRecord* node = find_record(reply, *table, name.node);
    if (!node) return Outcome::no_name;
    const std::uint32_t ttl = into.ttl.value_or(reply.settings.node_ttl);
    return add_node_record(reply, *node, owner, ttl, is_translated(reply, name.datacenter), into);
}

Outcome answer_node(ZoneReply& reply, const ZoneName& name) {
    const std::uint16_t type = reply.question.type;
    // The agent does not even look whether the node exists.
    if (reply.strict && !is_node_type(type)) return Outcome::answered;
    const NodeTable* table = nullptr;
    if (const Outcome found = find_nodes(reply, name.datacenter, table); found != Outcome::answered) return found;
    const NodeRecord* node = find_record(reply, *table, name.node);
    if (!node) return !reply.strict && has_names_below(*table, name.node) ? Outcome::no_data : Outcome::no_name;
    if (!is_node_type(type)) return Outcome::no_data;
    const Name& owner = reply.question.name;
    const std::uint32_t ttl = reply.settings.node_ttl;
    if (type != rrtype::txt) {
        const Into into{.type = type, .host_ttl = ttl};
        const Outcome outcome = add_node_record(reply, *node, owner, ttl, is_translated(reply, name.datacenter), into);
        if (outcome != Outcome::answered && outcome != Outcome::no_data) return outcome;
    }
    const bool asked = type == rrtype::txt || type == rrtype::any;
    if (asked) put_metadata(reply, Section::answer, owner, ttl, *node);
    // Without the SOA a resolver invents how long a "no" may live (RFC 2308 §5). The agent leaves it out for nodes.
    if (reply.answers() == 0 && !reply.strict) reply.put_soa(Section::authority);
    if (!asked && reply.settings.node_meta_txt) put_metadata(reply, Section::additional, owner, ttl, *node);
    return Outcome::answered;
}

Name hex_name(ZoneReply& reply, const Address& address, std::string_view datacenter) {
    static constexpr char digits[] = "0123456789abcdef";
    std::array<char, 32> hex;
    std::size_t size = 0;
    for (const std::uint8_t byte : address.raw()) {
        hex[size++] = digits[byte >> 4];
        hex[size++] = digits[byte & 15];
    }
    Name name = reply.located("addr", datacenter);
    name.prepend({hex.data(), size});
    return name;
}

Outcome add_hex_address(ZoneReply& reply, const ZoneName& name, const Name& owner, const Name* domain, const Into& into) {
    const auto address = parse_hex(name.node);
    if (!address) return Outcome::no_name;
    if (!serves(into.type, *address)) return Outcome::no_data;
    const Name record_owner = reply.strict && !into.leader && domain ? hex_owner(reply, owner.lower(), *domain).value_or(owner) : owner;
    if (into.take(record_owner, *address)) reply.put_address(into.section, record_owner, into.ttl.value_or(reply.settings.node_ttl), *address);
    return Outcome::answered;
}

Outcome answer_hex_address(ZoneReply& reply, const ZoneName& name) {
    const auto address = parse_hex(name.node);
    const AgentVersion agent = reply.agent();
    if (!address) {
        // Up to 1.17 a wrong number of digits (but not an odd one next to a right one) is an empty answer.
        const bool near = name.spelled_size / 2 == 4 || name.spelled_size / 2 == 16;
        return near || agent.at_least(18) ? Outcome::no_name : Outcome::answered;
    }
    const std::uint16_t type = reply.question.type;
    const bool fits = type == rrtype::any || type == (address->v6 ? rrtype::aaaa : rrtype::a);
    if (!fits && !reply.strict) return Outcome::no_data;
    const auto owner = reply.strict ? hex_owner(reply, reply.question.lower, reply.domain) : reply.question.lower;
    if (!owner) return Outcome::unencodable;
    // Before 1.11 every type got the address as its answer; since then it stands beside an empty one.
    const bool answer = fits || !agent.at_least(11);
    reply.put_address(answer ? Section::answer : Section::additional, *owner, reply.settings.node_ttl, *address);
    return Outcome::answered;
}

Outcome answer_reverse(ZoneReply& reply) {
    const NodeTable* table = nullptr;
    if (const Outcome found = find_nodes(reply, {}, table); found != Outcome::answered)
        return found == Outcome::no_name ? Outcome::delegate : found;
    const auto address = address_of_reverse(reply.question.lower);
    if (!address) return Outcome::delegate;
    std::optional<Name> target;
    for (const auto& node : table->in_order) {
        if (node->address.ip != address) continue;
        target = reply.node_name(node->name, {});
        if (!target) return Outcome::unencodable;
        break;
    }
    if (!target) {
        // The agent lists services by node and id; the first of them gives the name.
        const Instance* first = nullptr;
        const auto before = [](const Instance& a, const Instance& b) {
            const int order = a.node->name_lower.compare(b.node->name_lower);
            return order != 0 ? order < 0 : a.id < b.id;
        };
        for (const auto& [key, entry] : *reply.catalog.services) {
            if (!entry->datacenter.empty() || entry->state != FactState::known) continue;
            for (const Instance& instance : entry->instances)
                if (instance.address.ip == address && (!first || before(instance, *first))) first = &instance;
        }
        if (!first) return Outcome::delegate;
        const Name& name = reply.located("service", {});
        const auto service = Name::parse(first->name);
        target = service;
        if (!target || !target->append(name)) return Outcome::unencodable;
    }
    reply.put_name(Section::answer, reply.question.name, rrtype::ptr, 0, *target);
    if (reply.question.type == rrtype::soa) reply.put_soa(Section::authority);
    return Outcome::answered;
}

}  // namespace lictor
