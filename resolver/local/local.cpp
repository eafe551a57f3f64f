// The order in which local data is searched: cname; names of hosts files, host-record and other records; the domains from the longest to
// the shortest, in each `address=` before `server=` and `local=`; names that are never forwarded (RFC 6761, RFC 6303, domain-needed).
#include "resolver/local/local.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "conf/values/range_values.hpp"
#include "resolver/answer/conclude.hpp"
#include "resolver/rules/domain_match.hpp"
#include "resolver/rules/local_data.hpp"
#include "resolver/rules/static_records.hpp"
#include "resolver/wire/stored_reply.hpp"

namespace lictor::local {
namespace {

constexpr std::size_t alias_max = 8;

using answer::Rule;

/// The local data for one name and type. Refers to data of the Rules.
struct Facts {
    enum class Kind : std::uint8_t { nothing, data, no_data, no_name } kind = Kind::nothing;
    std::span<const Address> addresses;                         ///< all addresses of the name; only those of the asked type are written
    std::span<const wire::Name> names;                          ///< of PTR
    const std::vector<rules::StaticRecord>* records = nullptr;  ///< only those of the asked type are written
    std::optional<Address> synth_address;                       ///< the address of a synthesized name
    std::optional<wire::Name> synth_name;                       ///< the synthesized name of an address
    std::optional<rules::StaticRecord> self_mx;
    std::optional<conf::Network> only_here;  ///< localise-queries: addresses outside it are left out
    std::uint32_t ttl = 0;
    bool authoritative = false;  ///< AA, as dnsmasq sets it
};

bool asks_address(std::uint16_t type) { return type == rrtype::a || type == rrtype::aaaa; }
bool matches(std::uint16_t type, const Address& address) { return type == rrtype::any || type == (address.v6 ? rrtype::aaaa : rrtype::a); }

Facts none(Facts::Kind kind, bool authoritative) {
    Facts facts;
    facts.kind = kind;
    facts.authoritative = authoritative;
    return facts;
}

Facts addresses_for(std::uint16_t type, std::span<const Address> known, std::uint32_t ttl) {
    Facts facts = none(Facts::Kind::no_data, true);
    if (std::any_of(known.begin(), known.end(), [&](const Address& address) { return matches(type, address); }))
        facts.kind = Facts::Kind::data;
    facts.addresses = known;
    facts.ttl = ttl;
    return facts;
}

bool matches(std::uint16_t type, const rules::StaticRecord& record) { return type == rrtype::any || type == record.type; }

Facts pointers_to(std::span<const wire::Name> names, std::uint32_t ttl) {
    Facts facts = none(Facts::Kind::data, true);
    facts.names = names;
    facts.ttl = ttl;
    return facts;
}

/// The addresses of `address=/domain/…` of one domain. A query for the other family gets nothing here, as in dnsmasq since 2.86.
Facts wildcard_facts(const rules::LocalWildcard& wildcard, std::uint16_t type, std::uint32_t ttl) {
    Facts facts = addresses_for(type, wildcard.addresses, ttl);
    if (facts.kind == Facts::Kind::data) return facts;
    static const std::array<Address, 2> nowhere = {Address{}, Address{.bytes = {}, .v6 = true}};
    if (wildcard.null_v4 && (asks_address(type) || type == rrtype::any)) return addresses_for(type, nowhere, ttl);
    return none(Facts::Kind::nothing, false);
}

// RFC 6303 §4 and what dnsmasq adds to it (RFC 5737, RFC 3849).
const std::vector<wire::Name>& private_reverse_zones() {
    static const std::vector<wire::Name> zones = [] {
        std::vector<wire::Name> all;
        for (const char* v4 : {"0", "10", "127", "168.192", "254.169", "2.0.192", "100.51.198", "113.0.203", "255.255.255.255"})
            all.push_back(*wire::Name::parse(std::string(v4) + ".in-addr.arpa"));
        for (int i = 16; i < 32; ++i) all.push_back(*wire::Name::parse(std::to_string(i) + ".172.in-addr.arpa"));
        for (const char* v6 : {"d.f", "8.e.f", "9.e.f", "a.e.f", "b.e.f", "8.b.d.0.1.0.0.2"})
            all.push_back(*wire::Name::parse(std::string(v6) + ".ip6.arpa"));
        Address loopback;
        loopback.v6 = true;
        all.push_back(wire::reverse_name(loopback));
        loopback.bytes[15] = 1;
        all.push_back(wire::reverse_name(loopback));
        return all;
    }();
    return zones;
}

bool goes_to_consul(const rules::Rules& rules, const wire::Name& lower) {
    if (rules.consul_reverse.empty()) return false;
    for (wire::Name at = lower; !at.is_root(); at = at.parent())
        if (rules.consul_reverse.contains(at)) return true;
    return false;
}

/// The special-use top-level domains.
enum class Top : std::uint8_t { ordinary, localhost, invalid, arpa };
Top top_of(const wire::Name& lower) {
    const auto top = lower.top();
    return top == "localhost" ? Top::localhost : top == "invalid" ? Top::invalid : top == "arpa" ? Top::arpa : Top::ordinary;
}

/// Special-use names, and with domain-needed names of one label: answered here unless the operator configured them otherwise.
Facts special_facts(const rules::Rules& rules, const wire::Name& lower, std::uint16_t type, Rule& rule) {
    static const wire::Name localhost = *wire::Name::parse("localhost");
    static const std::array<Address, 2> loopback = {Address::v4(127, 0, 0, 1), *Address::parse("::1")};
    static const wire::Name pointer4 = wire::reverse_name(loopback[0]), pointer6 = wire::reverse_name(loopback[1]);
    const Top top = top_of(lower);
    if (top == Top::localhost) return rule = Rule::localhost, addresses_for(type, loopback, rules.local_ttl);
    if (top == Top::invalid) return rule = Rule::invalid, none(Facts::Kind::no_name, false);
    if (top == Top::arpa) {
        if (goes_to_consul(rules, lower)) return {};
        if ((type == rrtype::ptr || type == rrtype::any) && (lower == pointer4 || lower == pointer6))
            return rule = Rule::loopback_name, pointers_to({&localhost, 1}, rules.local_ttl);
        const auto& zones = private_reverse_zones();
        if (rules.bogus_priv && (type == rrtype::ptr || type == rrtype::any) &&
            std::any_of(zones.begin(), zones.end(), [&](const wire::Name& zone) { return lower.is_below_or_equal(zone); }))
            return rule = Rule::bogus_priv, none(rules::exists_locally(rules, lower) ? Facts::Kind::no_data : Facts::Kind::no_name, true);
        return {};
    }
    if (rules.domain_needed && rules::has_one_label(lower) && (asks_address(type) || type == rrtype::any))
        return rule = Rule::domain_needed, none(rules::exists_locally(rules, lower) ? Facts::Kind::no_data : Facts::Kind::no_name, false);
    return {};
}

Facts local_only_facts(const rules::Rules& rules, const wire::Name& lower) {
    return none(rules::exists_locally(rules, lower) ? Facts::Kind::no_data : Facts::Kind::no_name, false);
}

/// The result of one domain's lines. Precedence as in dnsmasq: addresses, then upstreams, then "local data only" (`local=/d/`,
/// `address=/d/`). "Local data only" results in NODATA if the domain has an address of the other family or the name exists locally, else
/// NXDOMAIN. `ends` is set if the search is over, and `rule` if there is a result.
Facts facts_at(const rules::Rules& rules, const rules::DomainLines& place, const wire::Name& lower, std::uint16_t type, bool& ends,
               Rule& rule) {
    if (place.wildcard) {
        Facts facts = wildcard_facts(*place.wildcard, type, rules.local_ttl);
        if (facts.kind == Facts::Kind::data) return ends = true, rule = Rule::address, facts;
    }
    if (place.route && !place.route->local_only) return ends = true, Facts{};
    if (!place.route && !(place.wildcard && place.wildcard->nxdomain)) return {};
    ends = true;
    const bool literal = place.wildcard && place.wildcard->has_addresses();
    rule = literal ? Rule::address : Rule::local_only;
    return literal ? none(Facts::Kind::no_data, false) : local_only_facts(rules, lower);
}

/// Searches the domains from the longest to the shortest; the first result ends the search. `within`, if not null: the shortest domain that
/// is searched.
Facts domain_facts(const rules::Rules& rules, const wire::Name& lower, std::uint16_t type, const wire::Name* within,
                   answer::Witness* witness) {
    const rules::LocalData& local = *rules.local;
    const bool only_default = rules.routes.empty() || (rules.routes.size() == 1 && rules.routes.begin()->first.is_root());
    bool ends = false;
    Rule rule{};
    Facts facts;
    const auto note = [&](const wire::Name& key, bool dotless = false) {
        if (witness && facts.kind != Facts::Kind::nothing) witness->steps.push_back({rule, key, dotless});
    };
    if (!local.wildcards.empty() || !only_default || rules::has_starred(rules))
        rules::for_each_domain(rules, lower, [&](const wire::Name& at, const rules::DomainLines& place) {
            if (within && at.size() < within->size()) return true;
            facts = facts_at(rules, place, lower, type, ends, rule);
            if (ends) note(at);
            return ends;
        });
    if (ends || within) return facts;
    if (rules::has_one_label(lower) && (rules.dotless || local.dotless)) {
        facts = facts_at(rules, {local.dotless ? &*local.dotless : nullptr, rules.dotless ? &*rules.dotless : nullptr}, lower, type, ends,
                         rule);
        const bool needed = rules.domain_needed && (asks_address(type) || type == rrtype::any);
        if (ends && (facts.kind != Facts::Kind::nothing || !needed)) return note({}, true), facts;
    }
    facts = special_facts(rules, lower, type, rule);
    if (facts.kind != Facts::Kind::nothing) return note(lower), facts;
    facts = facts_at(rules, rules::plain_lines(rules, wire::Name{}), lower, type, ends, rule);
    note({});
    return facts;
}

/// Local data of exactly this name. If the name has only addresses, queries for other types get nothing here: an upstream may have such
/// records.
Facts own_facts(const rules::Rules& rules, const wire::Name& lower, std::uint16_t type, const wire::Name* within, Rule& rule) {
    const rules::LocalData& local = *rules.local;
    Facts facts;
    if (asks_address(type) || type == rrtype::any) {
        if (const auto found = local.names.find(lower); found != local.names.end())
            rule = Rule::names, facts = addresses_for(type, found->second.addresses, found->second.ttl);
    }
    const auto has_data = [&](Rule by) {
        rule = by;
        facts.kind = Facts::Kind::data;
        facts.authoritative = true;
    };
    const auto synthesized = [&] {
        facts.ttl = rules.local_ttl;
        has_data(Rule::synthesized);
    };
    bool has_pointer = false;
    if (!local.records.empty()) {
        const auto found = local.records.find(lower);
        if (found != local.records.end() && std::any_of(found->second.begin(), found->second.end(),
                                                        [&](const rules::StaticRecord& record) { return matches(type, record); })) {
            facts.records = &found->second;
            has_pointer = std::any_of(found->second.begin(), found->second.end(),
                                      [](const rules::StaticRecord& record) { return record.type == rrtype::ptr; });
            has_data(Rule::records);
        }
    }
    if ((type == rrtype::ptr || type == rrtype::any) && !has_pointer) {
        if (const auto found = local.pointers.find(lower); found != local.pointers.end()) {
            facts.names = found->second.names;
            facts.ttl = found->second.ttl;
            has_data(Rule::pointers);
        } else if (!local.synth_names.empty()) {
            const auto address = wire::address_of_reverse(lower);
            if (address && (facts.synth_name = rules::synth_name(local.synth_names, *address))) synthesized();
        }
    }
    if (asks_address(type) && facts.kind == Facts::Kind::nothing && !local.synth_names.empty()) {
        if ((facts.synth_address = rules::synth_address(local.synth_names, lower, type == rrtype::aaaa))) synthesized();
    }
    if (type == rrtype::mx && !facts.records && (local.self_mx || local.mx_target) && local.names.contains(lower)) {
        facts.self_mx = rules::mx_record(1, local.self_mx ? lower : *local.mx_target, rules.local_ttl);
        has_data(Rule::self_mx);
    }
    // filterwin2k: Windows sends such queries periodically, and no server outside can answer them.
    if (rules.filterwin2k && !within && facts.kind == Facts::Kind::nothing &&
        (type == rrtype::soa || type == rrtype::srv || (type == rrtype::any && lower.text().find('_') != std::string::npos)))
        return rule = Rule::filterwin2k, none(Facts::Kind::no_data, true);
    return facts;
}

Facts facts_for(const rules::Rules& rules, const wire::Name& lower, std::uint16_t type, const wire::Name* within,
                answer::Witness* witness) {
    Rule rule{};
    Facts facts = own_facts(rules, lower, type, within, rule);
    if (facts.kind == Facts::Kind::nothing) return domain_facts(rules, lower, type, within, witness);
    answer::note(witness, rule, lower);
    return facts;
}

/// True only if local data has nothing for the query. A short cut for most queries, which reads little memory.
bool is_not_local(const rules::Rules& rules, const wire::Name& lower, std::uint16_t type) {
    if (!rules.plain || !asks_address(type) || rules::has_one_label(lower) || top_of(lower) != Top::ordinary) return false;
    return !rules.has_hosts || !rules.local->names.contains(lower);
}

/// The alias of this name: `cname=alias,target`, or `cname=*.domain,target` with a domain that is not above `within`. Null if there is
/// none.
const rules::LocalAlias* find_alias(const rules::LocalData& local, const wire::Name& lower, const wire::Name* within) {
    if (local.aliases.empty() || local.names.contains(lower)) return nullptr;
    if (const auto found = local.aliases.find(lower); found != local.aliases.end()) return &found->second;
    for (wire::Name at = lower; !at.is_root();) {
        at = at.parent();
        if (within && at.size() < within->size()) break;
        wire::Name star = at;
        if (!star.prepend("*")) continue;
        if (const auto found = local.aliases.find(star); found != local.aliases.end()) return &found->second;
    }
    return nullptr;
}

struct Link {
    wire::Name owner;
    const rules::LocalAlias* alias = nullptr;
};

/// Writes the local addresses of MX and SRV targets into ADDITIONAL, as far as they fit.
void write_targets(const rules::Rules& rules, const Facts& facts, std::uint16_t type, wire::Writer& writer) {
    std::vector<wire::Name> done;
    const auto add = [&](const rules::StaticRecord& record) {
        if (!matches(type, record) || record.target.is_root() || std::find(done.begin(), done.end(), record.target) != done.end()) return;
        done.push_back(record.target);
        const auto found = rules.local->names.find(record.target);
        if (found == rules.local->names.end()) return;
        for (const Address& address : found->second.addresses)
            writer.address_record(wire::Writer::Section::additional, record.target, found->second.ttl, address);
    };
    if (facts.records) std::for_each(facts.records->begin(), facts.records->end(), add);
}

/// localise-queries: keeps only the addresses in the network of the address that was asked, if there are any.
void localise(Facts& facts, const rules::Rules& rules, const Address& asked_at) {
    const auto network = std::find_if(rules.interfaces.begin(), rules.interfaces.end(),
                                      [&](const rules::InterfaceAddress& at) { return at.address == asked_at; });
    if (network == rules.interfaces.end()) return;
    for (const Address& address : facts.addresses)
        if (conf::contains(conf::Network{network->address, network->bits}, address))
            facts.only_here = conf::Network{network->address, network->bits};
}

answer::Answer write_answer(const wire::Question& question, const rules::Rules& rules, const std::vector<Link>& chain,
                            const wire::Name& last, const Facts& facts, std::span<std::uint8_t> buffer) {
    const unsigned code = facts.kind == Facts::Kind::no_name ? rcode::nxdomain : rcode::noerror;
    wire::Writer writer(buffer);
    writer.begin_reply(question, code, header_bit::ra | (facts.authoritative ? header_bit::aa : 0u));
    writer.limit(wire::size_limit(question.edns, question.over_tcp, rules.edns_packet_max));
    writer.reserve(answer::opt_room(question.edns, {}));
    using Section = wire::Writer::Section;
    for (const Link& link : chain) writer.name_record(Section::answer, link.owner, rrtype::cname, link.alias->ttl, link.alias->target);
    for (const Address& address : facts.addresses)
        if (matches(question.type, address) && (!facts.only_here || conf::contains(*facts.only_here, address)))
            writer.address_record(Section::answer, last, facts.ttl, address);
    if (facts.synth_address) writer.address_record(Section::answer, last, facts.ttl, *facts.synth_address);
    for (const wire::Name& name : facts.names) writer.name_record(Section::answer, last, rrtype::ptr, facts.ttl, name);
    if (facts.synth_name) writer.name_record(Section::answer, last, rrtype::ptr, facts.ttl, *facts.synth_name);
    const auto put_record = [&](const rules::StaticRecord& record) {
        if (!matches(question.type, record) || !writer.begin_record(Section::answer, last, record.type, rrclass::in, record.ttl)) return;
        if (!record.data.empty()) writer.put_bytes(record.data);
        writer.end_record();
    };
    if (facts.records) std::for_each(facts.records->begin(), facts.records->end(), put_record);
    if (facts.self_mx) put_record(*facts.self_mx);
    if (writer.full()) writer.set_tc();
    else write_targets(rules, facts, question.type, writer);
    answer::Answer answer = answer::Answer::from(answer::Source::local, writer.finish().size());
    answer.truncated = writer.full();
    return answer;
}

}  // namespace

bool has_local_data(const rules::LocalData& data, const wire::Name& lower, const wire::Name& within) {
    return rules::is_known_locally(data, lower) || rules::has_names_below(data, lower) || find_alias(data, lower, &within);
}

Found answer_local(const wire::Question& question, const rules::Rules& rules, std::span<std::uint8_t> buffer, const Address& asked_at,
                   const wire::Name* within, answer::Witness* witness) {
    if (question.klass != rrclass::in && question.klass != rrclass::any) return {};
    if (is_not_local(rules, question.lower, question.type)) return {};
    const rules::LocalAlias* alias = find_alias(*rules.local, question.lower, within);
    if (!alias) {
        Facts facts = facts_for(rules, question.lower, question.type, within, witness);
        if (facts.kind == Facts::Kind::nothing) return {};
        if (rules.localise_queries && question.type == rrtype::a) localise(facts, rules, asked_at);
        return {write_answer(question, rules, {}, question.name, facts, buffer)};
    }
    answer::note(witness, Rule::cname, question.lower);
    if (question.type == rrtype::cname)
        return {write_answer(question, rules, {{question.name, alias}}, question.name, none(Facts::Kind::data, true), buffer)};

    std::vector<Link> chain;
    wire::Name owner = question.name, last = question.lower;
    const auto bound = [&] { return within && last.is_below_or_equal(*within) ? within : nullptr; };
    for (const rules::LocalAlias* link = alias; link && chain.size() < alias_max; link = find_alias(*rules.local, last, bound())) {
        chain.push_back({owner, link});
        owner = last = link->target;
    }
    Facts facts = facts_for(rules, last, question.type, bound(), nullptr);
    if (facts.kind == Facts::Kind::nothing && rules.local->names.contains(last)) facts = none(Facts::Kind::no_data, true);
    // The end of the chain is not local, or the chain is a loop. Return the first link; the caller decides its target as a query.
    if (facts.kind == Facts::Kind::nothing || chain.size() == alias_max) return {.alias = alias};
    if (witness) {
        for (std::size_t i = 1; i < chain.size(); ++i) answer::note(witness, Rule::cname, chain[i].owner);
        facts_for(rules, last, question.type, bound(), witness);  // once more, for its note
    }
    if (rules.localise_queries && question.type == rrtype::a) localise(facts, rules, asked_at);
    return {write_answer(question, rules, chain, last, facts, buffer)};
}

}  // namespace lictor::local
