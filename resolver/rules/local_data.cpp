// The sources are read in dnsmasq's order: interface-name and dynamic-host, host-record, hosts files. The PTR record of an address has the
// first name that is found for it.
#include "resolver/rules/local_data.hpp"

#include <algorithm>

#include "conf/options/options.hpp"
#include "conf/values/range_values.hpp"
#include "resolver/rules/domain_match.hpp"
#include "resolver/rules/hosts_file.hpp"
#include "resolver/rules/resolv_conf.hpp"
#include "resolver/rules/static_records.hpp"

namespace lictor::rules {
namespace {

constexpr std::uint16_t from_config = 0;  // index into LocalData::sources
// The limit of LocalData::sources. Names from further hosts files have the index of the last entry, so the query log shows its path.
constexpr std::size_t sources_max = 65535;

std::optional<wire::Name> name_of(const std::string& text, const char* option, std::vector<std::string>& notes) {
    if (const auto name = wire::Name::parse(text)) return name->lower();
    notes.push_back(std::string(option) + ": '" + text + "' is not a domain name; skipped");
    return std::nullopt;
}

void add_name(LocalData& data, const wire::Name& name, const Address& address, std::uint32_t ttl, std::uint16_t source) {
    auto [entry, fresh] = data.names.try_emplace(name, LocalName{{}, ttl, source});
    auto& addresses = entry->second.addresses;
    if (std::find(addresses.begin(), addresses.end(), address) == addresses.end()) addresses.push_back(address);
}

void add_pointer(LocalData& data, const Address& address, const wire::Name& name, std::uint32_t ttl, std::uint16_t source = from_config) {
    if (address.is_unspecified()) return;  // 0.0.0.0 and :: are the addresses of blocked names and get no PTR record
    data.pointers.try_emplace(wire::reverse_name(address), LocalPointer{{name}, ttl, source});
}

void add_host_records(LocalData& data, const conf::Options& options, std::vector<std::string>& notes) {
    for (const conf::HostRecord& record : options.host_record) {
        std::optional<wire::Name> first;
        for (const auto& text : record.names) {
            const auto name = name_of(text, "host-record", notes);
            if (!name) continue;
            if (!first) first = name;
            data.names.try_emplace(*name, LocalName{{}, record.ttl.value_or(options.local_ttl), from_config});
            for (const Address& address : record.addresses)
                add_name(data, *name, address, record.ttl.value_or(options.local_ttl), from_config);
        }
        if (!first) continue;
        for (const Address& address : record.addresses) add_pointer(data, address, *first, record.ttl.value_or(options.local_ttl));
    }
}

void add_wildcards(LocalData& data, const conf::Options& options, std::vector<std::string>& notes) {
    for (const conf::AddressRule& rule : options.address) {
        for (const auto& text : rule.domains) {
            const auto domain = domain_key(text);
            if (!domain) {
                notes.push_back("address: '" + text + "' is not a domain name; skipped");
                continue;
            }
            LocalWildcard& wildcard = domain->dotless ? (data.dotless ? *data.dotless : data.dotless.emplace())
                                                      : (domain->starred ? data.starred : data.wildcards)[domain->name];
            switch (rule.kind) {
                case conf::AddressRule::Kind::address: wildcard.addresses.push_back(rule.address); break;
                case conf::AddressRule::Kind::null_address: wildcard.null_v4 = wildcard.null_v6 = true; break;
                case conf::AddressRule::Kind::nxdomain: wildcard.nxdomain = true; break;
            }
        }
    }
}

void add_aliases(LocalData& data, const conf::Options& options, std::vector<std::string>& notes) {
    for (const conf::CnameRule& rule : options.cname) {
        const auto target = name_of(rule.target, "cname", notes);
        if (!target) continue;
        for (const auto& text : rule.aliases)
            if (const auto alias = name_of(text, "cname", notes))
                data.aliases.try_emplace(*alias, LocalAlias{*target, rule.ttl.value_or(options.local_ttl)});
    }
}

/// The `domain=` lines. A host's address selects the domain that is appended to its name if the name comes from a hosts file and has no
/// dot.
class Domains {
public:
    Domains(const conf::Options& options, const FollowedFiles& files, std::vector<std::string>& notes) : files_(files) {
        for (const conf::DomainRule& rule : options.domain) {
            std::string text = rule.name;
            if (rule.scope == conf::DomainRule::Scope::search)
                for (const auto& file : files.resolv)
                    if (text.empty()) text = search_domain(file.text);
            if (text.empty()) continue;
            if (const auto name = name_of(text, "domain", notes)) rules_.push_back({rule, *name});
        }
    }

    const wire::Name* of(const Address& address) const {
        using Scope = conf::DomainRule::Scope;
        const wire::Name* found = nullptr;
        for (const auto& [rule, name] : rules_) {
            if (rule.scope == Scope::range && rule.first.v6 == address.v6 && rule.first.bytes <= address.bytes &&
                address.bytes <= rule.last.bytes)
                return &name;
            if (rule.scope == Scope::interface && on_interface(rule.interface, address)) return &name;
            if (rule.scope == Scope::all || rule.scope == Scope::search) found = &name;  // of several such lines the last one applies
        }
        return found;
    }

private:
    bool on_interface(const std::string& interface, const Address& address) const {
        return std::any_of(files_.interfaces.begin(), files_.interfaces.end(), [&](const InterfaceAddress& at) {
            return at.interface == interface && conf::contains(conf::Network{at.address, at.bits}, address);
        });
    }
    const FollowedFiles& files_;
    std::vector<std::pair<conf::DomainRule, wire::Name>> rules_;
};

void add_hosts(LocalData& data, const conf::Options& options, const FollowedFiles& files, std::vector<std::string>& notes) {
    const Domains domains(options, files, notes);
    for (const auto& file : files.hosts) {
        if (data.sources.size() < sources_max) data.sources.push_back(file.path);
        const auto source = static_cast<std::uint16_t>(data.sources.size() - 1);
        std::size_t count = 0;
        for (const HostsLine& line : parse_hosts(file.text, file.path, notes)) {
            const wire::Name* domain = options.expand_hosts ? domains.of(line.address) : nullptr;
            for (std::size_t i = 0; i < line.names.size(); ++i) {
                const wire::Name& name = line.names[i];
                wire::Name whole = name;
                if (domain && name.label_count() == 1 && whole.append(*domain)) {
                    add_name(data, whole, line.address, options.local_ttl, source);
                    ++count;
                }
                add_name(data, name, line.address, options.local_ttl, source);
                if (i == 0) add_pointer(data, line.address, whole, options.local_ttl, source);
            }
            count += line.names.size();
        }
        notes.push_back("read " + file.path + " - " + std::to_string(count) + " names");
    }
}

/// An address with the network part of `at` and the host part of `given`.
Address within_network(const InterfaceAddress& at, const Address& given) {
    Address placed = given;
    for (unsigned bit = 0; bit < at.bits; ++bit) {
        const auto mask = static_cast<std::uint8_t>(0x80u >> bit % 8);
        placed.bytes[bit / 8] = static_cast<std::uint8_t>((placed.bytes[bit / 8] & ~mask) | (at.address.bytes[bit / 8] & mask));
    }
    return placed;
}

/// Adds the names of interface-name and dynamic-host.
void add_interface_names(LocalData& data, const conf::Options& options, const FollowedFiles& files, std::vector<std::string>& notes) {
    const auto add = [&](const wire::Name& name, const Address& address) {
        add_name(data, name, address, options.local_ttl, from_config);
        add_pointer(data, address, name, options.local_ttl);
    };
    for (const conf::InterfaceName& rule : options.interface_name) {
        const auto name = name_of(rule.name, "interface-name", notes);
        if (!name) continue;
        for (const InterfaceAddress& at : files.interfaces)
            if (at.interface == rule.interface && at.up && (at.address.v6 ? rule.v6 && !at.address.is_link_local() : rule.v4))
                add(*name, at.address);
    }
    for (const conf::DynamicHost& rule : options.dynamic_host) {
        const auto name = name_of(rule.name, "dynamic-host", notes);
        if (!name) continue;
        for (const InterfaceAddress& at : files.interfaces) {
            const auto& given = at.address.v6 ? rule.v6 : rule.v4;
            if (at.interface == rule.interface && at.up && given && !(at.address.v6 && at.address.is_link_local()))
                add(*name, within_network(at, *given));
        }
    }
}

void add_synth_names(LocalData& data, const conf::Options& options, std::vector<std::string>& notes) {
    for (const conf::SynthDomain& rule : options.synth_domain)
        if (const auto domain = name_of(rule.domain, "synth-domain", notes)) data.synth_names.push_back({rule, *domain});
}

std::uint64_t hash_of(const wire::Name& lower) { return wire::NameHash{}(lower); }

/// Fills `data.above` from all other tables.
void add_names_above(LocalData& data) {
    const auto add = [&](const wire::Name& name) {
        for (wire::Name at = name; !at.is_root();) {
            at = at.parent();
            if (!at.is_root()) data.above.push_back(hash_of(at));
        }
    };
    const auto add_keys = [&](const auto& table) {
        for (const auto& [name, entry] : table) add(name);
    };
    const auto add_domains = [&](const NameMap<LocalWildcard>& table) {
        for (const auto& [name, wildcard] : table)
            if (wildcard.has_addresses()) add(name);
    };
    add_keys(data.names);
    add_keys(data.aliases);
    add_keys(data.pointers);
    add_keys(data.records);
    add_domains(data.wildcards);
    add_domains(data.starred);
    for (const SynthNames& names : data.synth_names) {
        data.above.push_back(hash_of(names.domain));
        add(names.domain);
    }
    std::sort(data.above.begin(), data.above.end());
    data.above.erase(std::unique(data.above.begin(), data.above.end()), data.above.end());
    data.above.shrink_to_fit();
}

}  // namespace

std::shared_ptr<const LocalData> make_local_data(const conf::Options& options, const FollowedFiles& files,
                                                 std::vector<std::string>& notes) {
    auto data = std::make_shared<LocalData>();
    add_interface_names(*data, options, files, notes);
    add_host_records(*data, options, notes);
    add_hosts(*data, options, files, notes);
    add_wildcards(*data, options, notes);
    add_aliases(*data, options, notes);
    add_static_records(*data, options, options.local_ttl, files.host_name, notes);
    add_synth_names(*data, options, notes);
    add_names_above(*data);
    return data;
}

bool is_known_locally(const LocalData& data, const wire::Name& lower) {
    if (data.names.contains(lower) || data.aliases.contains(lower) || data.pointers.contains(lower) || data.records.contains(lower))
        return true;
    return !data.synth_names.empty() && (synth_address(data.synth_names, lower, false) || synth_address(data.synth_names, lower, true));
}

bool has_names_below(const LocalData& data, const wire::Name& lower) {
    return std::binary_search(data.above.begin(), data.above.end(), hash_of(lower));
}

}  // namespace lictor::rules
