// The order in which local knowledge is consulted: cname, hosts and host-record, then from the longest domain to the shortest
// `address=` before `server=`/`local=`, then the names that never leave (RFC 6761, RFC 6303, domain-needed).
#include "resolver/core/local.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "conf/range_values.hpp"
#include "resolver/core/domain_match.hpp"
#include "resolver/core/local_data.hpp"
#include "resolver/core/static_records.hpp"
#include "resolver/core/stored_reply.hpp"

namespace lictor {
namespace {

constexpr std::size_t alias_max = 8;

/// What local data says about one name and type. Looks at the rules' data.
struct Facts {
    enum class Kind : std::uint8_t { nothing, data, no_data, no_name } kind = Kind::nothing;
    std::span<const Address> addresses;   ///< all that are known; those of the asked type count
    std::span<const Name> names;          ///< of PTR
    const std::vector<StaticRecord>* records = nullptr;  ///< those of the asked type count
    std::optional<Address> made_address;  ///< of a name made from an address
    std::optional<Name> made_name;        ///< of an address that a name is made from
    std::optional<StaticRecord> made_mx;
    std::optional<Network> only_here;     ///< addresses outside it are left out
    std::uint32_t ttl = 0;
    bool authoritative = false;   ///< AA, as dnsmasq sets it
};

bool asks_address(std::uint16_t type) { return type == rrtype::a || type == rrtype::aaaa; }
bool wants(std::uint16_t type, const Address& address) {
    return type == rrtype::any || type == (address.v6 ? rrtype::aaaa : rrtype::a);
}

Facts none(Facts::Kind kind, bool authoritative) {
    Facts facts;
    facts.kind = kind;
    facts.authoritative = authoritative;
    return facts;
}

Facts addresses_for(std::uint16_t type, std::span<const Address> known, std::uint32_t ttl) {
    Facts facts = none(Facts::Kind::no_data, true);
    if (std::any_of(known.begin(), known.end(), [&](const Address& address) { return wants(type, address); })) facts.kind = Facts::Kind::data;
    facts.addresses = known;
    facts.ttl = ttl;
    return facts;
}

bool wants(std::uint16_t type, const StaticRecord& record) { return type == rrtype::any || type == record.type; }

Facts pointers_to(std::span<const Name> names, std::uint32_t ttl) {
    Facts facts = none(Facts::Kind::data, true);
    facts.names = names;
    facts.ttl = ttl;
    return facts;
}

/// The addresses of `address=/domain/…` at one domain. Another family than the given one is not its business, as in dnsmasq since 2.86.
Facts wildcard_facts(const LocalWildcard& wildcard, std::uint16_t type, std::uint32_t ttl) {
    Facts facts = addresses_for(type, wildcard.addresses, ttl);
    if (facts.kind == Facts::Kind::data) return facts;
    static const std::array<Address, 2> nowhere = {Address{}, Address{.bytes = {}, .v6 = true}};
    if (wildcard.null_v4 && (asks_address(type) || type == rrtype::any)) return addresses_for(type, nowhere, ttl);
    return none(Facts::Kind::nothing, false);
}

// RFC 6303 §4 and what dnsmasq adds to it (RFC 5737, RFC 3849).
const std::vector<Name>& private_reverse_zones() {
    static const std::vector<Name> zones = [] {
        std::vector<Name> all;
        for (const char* v4 : {"0", "10", "127", "168.192", "254.169", "2.0.192", "100.51.198", "113.0.203", "255.255.255.255"})
            all.push_back(*Name::parse(std::string(v4) + ".in-addr.arpa"));
        for (int i = 16; i < 32; ++i) all.push_back(*Name::parse(std::to_string(i) + ".172.in-addr.arpa"));
        for (const char* v6 : {"d.f", "8.e.f", "9.e.f", "a.e.f", "b.e.f", "8.b.d.0.1.0.0.2"}) all.push_back(*Name::parse(std::string(v6) + ".ip6.arpa"));
        Address loopback;
        loopback.v6 = true;
        all.push_back(reverse_name(loopback));
        loopback.bytes[15] = 1;
        all.push_back(reverse_name(loopback));
        return all;
    }();
    return zones;
}

bool goes_to_consul(const Rules& rules, const Name& lower) {
    if (rules.consul_reverse.empty()) return false;
    for (Name at = lower; !at.is_root(); at = at.parent())
        if (rules.consul_reverse.contains(at)) return true;
    return false;
}

/// The ends of names that have a meaning of their own.
enum class Top : std::uint8_t { ordinary, localhost, invalid, arpa };
Top top_of(const Name& lower) {
    const auto top = lower.top();
    return top == "localhost" ? Top::localhost : top == "invalid" ? Top::invalid : top == "arpa" ? Top::arpa : Top::ordinary;
}

/// Names that have a meaning of their own and are nobody else's business, unless a rule of the operator says so.
Facts special_facts(const Rules& rules, const Name& lower, std::uint16_t type) {
    static const Name localhost = *Name::parse("localhost");
    static const std::array<Address, 2> loopback = {Address::v4(127, 0, 0, 1), *Address::parse("::1")};
    static const Name pointer4 = reverse_name(loopback[0]), pointer6 = reverse_name(loopback[1]);
    const Top top = top_of(lower);
    if (top == Top::localhost) return addresses_for(type, loopback, rules.local_ttl);
    if (top == Top::invalid) return none(Facts::Kind::no_name, false);
    if (top == Top::arpa) {
        if (goes_to_consul(rules, lower)) return {};
        if ((type == rrtype::ptr || type == rrtype::any) && (lower == pointer4 || lower == pointer6)) return pointers_to({&localhost, 1}, rules.local_ttl);
        const auto& zones = private_reverse_zones();
        if (rules.bogus_priv && (type == rrtype::ptr || type == rrtype::any) &&
            std::any_of(zones.begin(), zones.end(), [&](const Name& zone) { return lower.is_below_or_equal(zone); }))
            return none(is_known_locally(*rules.local, lower) ? Facts::Kind::no_data : Facts::Kind::no_name, true);
        return {};
    }
    if (rules.domain_needed && has_one_label(lower) && (asks_address(type) || type == rrtype::any))
        return none(is_known_locally(*rules.local, lower) ? Facts::Kind::no_data : Facts::Kind::no_name, false);
    return {};
}

Facts local_only_facts(const Rules& rules, const Name& lower) {
    return none(is_known_locally(*rules.local, lower) ? Facts::Kind::no_data : Facts::Kind::no_name, false);
}

/// What is said at one domain, in dnsmasq's weight: addresses, then upstreams, then "nothing but what is known here" (`local=/d/`,
/// `address=/d/`), which is an absence of data where the domain has an address of another family. `ends`: the search is over.
Facts facts_at(const Rules& rules, const DomainPlace& place, const Name& lower, std::uint16_t type, bool& ends) {
    if (place.wildcard) {
        Facts facts = wildcard_facts(*place.wildcard, type, rules.local_ttl);
        if (facts.kind == Facts::Kind::data) return ends = true, facts;
    }
    if (place.route && !place.route->local_only) return ends = true, Facts{};
    if (!place.route && !(place.wildcard && place.wildcard->nxdomain)) return {};
    ends = true;
    const bool literal = place.wildcard && (!place.wildcard->addresses.empty() || place.wildcard->null_v4);
    return literal ? none(Facts::Kind::no_data, false) : local_only_facts(rules, lower);
}

/// From the longest domain to the shortest; what is said at one ends the search. `within`, if not null: down to this one only.
Facts domain_facts(const Rules& rules, const Name& lower, std::uint16_t type, const Name* within) {
    const LocalData& local = *rules.local;
    const bool only_default = rules.routes.empty() || (rules.routes.size() == 1 && rules.routes.begin()->first.is_root());
    bool ends = false;
    Facts facts;
    if (!local.wildcards.empty() || !only_default || has_starred(rules))
        for_each_domain(rules, lower, [&](const Name& at, const DomainPlace& place) {
            if (within && at.size() < within->size()) return true;
            facts = facts_at(rules, place, lower, type, ends);
            return ends;
        });
    if (ends || within) return facts;
    if (has_one_label(lower) && (rules.dotless || local.dotless)) {
        facts = facts_at(rules, {local.dotless ? &*local.dotless : nullptr, rules.dotless ? &*rules.dotless : nullptr}, lower, type, ends);
        const bool needed = rules.domain_needed && (asks_address(type) || type == rrtype::any);
        if (ends && (facts.kind != Facts::Kind::nothing || !needed)) return facts;
    }
    Facts special = special_facts(rules, lower, type);
    return special.kind != Facts::Kind::nothing ? special : facts_at(rules, plain_place(rules, Name{}), lower, type, ends);
}

/// What is stated for exactly this name. Other types of a name that hosts files give an address may well exist: those questions go on.
Facts own_facts(const Rules& rules, const Name& lower, std::uint16_t type, const Name* within) {
    const LocalData& local = *rules.local;
    Facts facts;
    if (asks_address(type) || type == rrtype::any) {
        if (const auto found = local.names.find(lower); found != local.names.end()) facts = addresses_for(type, found->second.addresses, found->second.ttl);
    }
    const auto say = [&] {
        facts.kind = Facts::Kind::data;
        facts.authoritative = true;
    };
    bool pointer_stated = false;
    if (!local.records.empty()) {
        const auto found = local.records.find(lower);
        if (found != local.records.end() && std::any_of(found->second.begin(), found->second.end(), [&](const StaticRecord& record) { return wants(type, record); })) {
            facts.records = &found->second;
            pointer_stated = std::any_of(found->second.begin(), found->second.end(), [](const StaticRecord& record) { return record.type == rrtype::ptr; });
            say();
        }
    }
    if ((type == rrtype::ptr || type == rrtype::any) && !pointer_stated) {
        if (const auto found = local.pointers.find(lower); found != local.pointers.end()) {
            facts.names = found->second.names;
            facts.ttl = found->second.ttl;
            say();
        } else if (!local.made.empty()) {
            const auto address = address_of_reverse(lower);
            if (address && (facts.made_name = made_name(local.made, *address))) facts.ttl = rules.local_ttl, say();
        }
    }
    if (asks_address(type) && facts.kind == Facts::Kind::nothing && !local.made.empty()) {
        if ((facts.made_address = address_of_made(local.made, lower, type == rrtype::aaaa))) facts.ttl = rules.local_ttl, say();
    }
    if (type == rrtype::mx && !facts.records && (local.self_mx || local.mx_target) && local.names.contains(lower)) {
        facts.made_mx = mx_record(1, local.self_mx ? lower : *local.mx_target, rules.local_ttl);
        say();
    }
    // filterwin2k: what a Windows machine asks all day long and nobody outside can answer.
    if (rules.filter_windows && !within && facts.kind == Facts::Kind::nothing &&
        (type == rrtype::soa || type == rrtype::srv || (type == rrtype::any && lower.text().find('_') != std::string::npos)))
        return none(Facts::Kind::no_data, true);
    return facts;
}

Facts facts_for(const Rules& rules, const Name& lower, std::uint16_t type, const Name* within) {
    Facts facts = own_facts(rules, lower, type, within);
    return facts.kind == Facts::Kind::nothing ? domain_facts(rules, lower, type, within) : facts;
}

/// Whether nothing local can concern the name, as with most of what is asked. Looks at little memory.
bool is_nobodys(const Rules& rules, const Name& lower, std::uint16_t type) {
    if (!rules.plain || !asks_address(type) || has_one_label(lower) || top_of(lower) != Top::ordinary) return false;
    return !rules.has_hosts || !rules.local->names.contains(lower);
}

/// `cname=alias,target`, also `cname=*.domain,target`, where the domain is not above `within`.
const LocalAlias* find_alias(const LocalData& local, const Name& lower, const Name* within) {
    if (local.aliases.empty() || local.names.contains(lower)) return nullptr;
    if (const auto found = local.aliases.find(lower); found != local.aliases.end()) return &found->second;
    for (Name at = lower; !at.is_root();) {
        at = at.parent();
        if (within && at.size() < within->size()) break;
        Name star = at;
        if (!star.prepend("*")) continue;
        if (const auto found = local.aliases.find(star); found != local.aliases.end()) return &found->second;
    }
    return nullptr;
}

struct Link {
    Name owner;
    const LocalAlias* alias = nullptr;
};

/// Addresses of ours for the targets of MX and SRV, as far as they fit.
void write_targets(const Rules& rules, const Facts& facts, std::uint16_t type, Writer& writer) {
    std::vector<Name> done;
    const auto add = [&](const StaticRecord& record) {
        if (!wants(type, record) || record.target.is_root() || std::find(done.begin(), done.end(), record.target) != done.end()) return;
        done.push_back(record.target);
        const auto found = rules.local->names.find(record.target);
        if (found == rules.local->names.end()) return;
        for (const Address& address : found->second.addresses) writer.address_record(Writer::Section::additional, record.target, found->second.ttl, address);
    };
    if (facts.records) std::for_each(facts.records->begin(), facts.records->end(), add);
}

/// localise-queries: of a name with several addresses those on the network that the question came in by, if there are any.
void localise(Facts& facts, const Rules& rules, const Address& asked_at) {
    const auto network = std::find_if(rules.interfaces.begin(), rules.interfaces.end(), [&](const InterfaceAddress& at) { return at.address == asked_at; });
    if (network == rules.interfaces.end()) return;
    for (const Address& address : facts.addresses)
        if (contains(Network{network->address, network->bits}, address)) facts.only_here = Network{network->address, network->bits};
}

LocalAnswer write_answer(const Question& question, const Rules& rules, const std::vector<Link>& chain, const Name& last, const Facts& facts,
                         std::span<std::uint8_t> buffer) {
    const unsigned code = facts.kind == Facts::Kind::no_name ? rcode::nxdomain : rcode::noerror;
    Writer writer(buffer);
    writer.begin_reply(question, code, facts.authoritative, true);
    writer.limit(size_limit(question.edns, question.over_tcp, rules.edns_packet_max));
    if (question.edns.present) writer.reserve(Writer::opt_size);
    using Section = Writer::Section;
    for (const Link& link : chain) writer.name_record(Section::answer, link.owner, rrtype::cname, link.alias->ttl, link.alias->target);
    for (const Address& address : facts.addresses)
        if (wants(question.type, address) && (!facts.only_here || contains(*facts.only_here, address))) writer.address_record(Section::answer, last, facts.ttl, address);
    if (facts.made_address) writer.address_record(Section::answer, last, facts.ttl, *facts.made_address);
    for (const Name& name : facts.names) writer.name_record(Section::answer, last, rrtype::ptr, facts.ttl, name);
    if (facts.made_name) writer.name_record(Section::answer, last, rrtype::ptr, facts.ttl, *facts.made_name);
    const auto put_record = [&](const StaticRecord& record) {
        if (!wants(question.type, record) || !writer.begin_record(Section::answer, last, record.type, rrclass::in, record.ttl)) return;
        if (!record.data.empty()) writer.put_bytes(record.data);
        writer.end_record();
    };
    if (facts.records) std::for_each(facts.records->begin(), facts.records->end(), put_record);
    if (facts.made_mx) put_record(*facts.made_mx);
    if (writer.full()) writer.set_tc();
    else write_targets(rules, facts, question.type, writer);
    if (question.edns.present) writer.write_opt(static_cast<std::uint16_t>(rules.edns_packet_max), question.edns.dnssec_ok, code);
    return {writer.finish().size(), code};
}

}  // namespace

bool is_stated(const LocalData& data, const Name& lower, const Name& within) { return is_known_locally(data, lower) || find_alias(data, lower, &within); }

std::optional<std::variant<LocalAnswer, LocalAliasTo>> answer_local(const Question& question, const Rules& rules, std::span<std::uint8_t> buffer,
                                                                    const Address& asked_at, const Name* within) {
    if (question.klass != rrclass::in && question.klass != rrclass::any) return std::nullopt;
    if (is_nobodys(rules, question.lower, question.type)) return std::nullopt;
    const LocalAlias* alias = find_alias(*rules.local, question.lower, within);
    if (!alias) {
        Facts facts = facts_for(rules, question.lower, question.type, within);
        if (facts.kind == Facts::Kind::nothing) return std::nullopt;
        if (rules.localise && question.type == rrtype::a) localise(facts, rules, asked_at);
        return write_answer(question, rules, {}, question.name, facts, buffer);
    }
    if (question.type == rrtype::cname) return write_answer(question, rules, {{question.name, alias}}, question.name, none(Facts::Kind::data, true), buffer);

    std::vector<Link> chain;
    Name owner = question.name, last = question.lower;
    const auto bound = [&] { return within && last.is_below_or_equal(*within) ? within : nullptr; };
    for (const LocalAlias* link = alias; link && chain.size() < alias_max; link = find_alias(*rules.local, last, bound())) {
        chain.push_back({owner, link});
        owner = last = link->target;
    }
    Facts facts = facts_for(rules, last, question.type, bound());
    if (facts.kind == Facts::Kind::nothing && rules.local->names.contains(last)) facts = none(Facts::Kind::no_data, true);
    // An upstream (or Consul) must tell about the target, or the chain runs in a circle: one link is given, the target is asked for.
    if (facts.kind == Facts::Kind::nothing || chain.size() == alias_max) return LocalAliasTo{alias->target, alias->ttl};
    if (rules.localise && question.type == rrtype::a) localise(facts, rules, asked_at);
    return write_answer(question, rules, chain, last, facts, buffer);
}

}  // namespace lictor
