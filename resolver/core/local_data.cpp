// host-record before hosts files, as dnsmasq reads them; for one address the first name is the one that PTR gives.
#include "resolver/core/local_data.hpp"

#include <algorithm>

#include "conf/range_values.hpp"
#include "resolver/core/domain_match.hpp"
#include "resolver/core/hosts_file.hpp"
#include "resolver/core/resolv_conf.hpp"
#include "resolver/core/static_records.hpp"

namespace lictor {
namespace {

constexpr std::uint16_t from_config = 0;
// Names of files beyond these are said to be from the last of them; there is one entry for each file, not for each name.
constexpr std::size_t sources_max = 65535;

std::optional<Name> name_of(const std::string& text, const char* option, std::vector<std::string>& notes) {
    if (const auto name = Name::parse(text)) return name->lower();
    notes.push_back(std::string(option) + ": '" + text + "' is not a domain name; skipped");
    return std::nullopt;
}

void add_name(LocalData& data, const Name& name, const Address& address, std::uint32_t ttl, std::uint16_t source) {
    auto [entry, fresh] = data.names.try_emplace(name, LocalName{{}, ttl, source});
    auto& addresses = entry->second.addresses;
    if (std::find(addresses.begin(), addresses.end(), address) == addresses.end()) addresses.push_back(address);
}

void add_pointer(LocalData& data, const Address& address, const Name& name, std::uint32_t ttl, std::uint16_t source = from_config) {
    if (address.is_unspecified()) return;  // lists of blocked names: nobody is called 0.0.0.0
    data.pointers.try_emplace(reverse_name(address), LocalPointer{{name}, ttl, source});
}

void add_host_records(LocalData& data, const Options& options, std::vector<std::string>& notes) {
    for (const HostRecord& record : options.host_record) {
        std::optional<Name> first;
        for (const auto& text : record.names) {
            const auto name = name_of(text, "host-record", notes);
            if (!name) continue;
            if (!first) first = name;
            data.names.try_emplace(*name, LocalName{{}, record.ttl.value_or(options.local_ttl), from_config});
            for (const Address& address : record.addresses) add_name(data, *name, address, record.ttl.value_or(options.local_ttl), from_config);
        }
        if (!first) continue;
        for (const Address& address : record.addresses) add_pointer(data, address, *first, record.ttl.value_or(options.local_ttl));
    }
}

void add_wildcards(LocalData& data, const Options& options, std::vector<std::string>& notes) {
    for (const AddressRule& rule : options.address) {
        for (const auto& text : rule.domains) {
            const auto domain = domain_key(text);
            if (!domain) {
                notes.push_back("address: '" + text + "' is not a domain name; skipped");
                continue;
            }
            LocalWildcard& wildcard = domain->dotless ? (data.dotless ? *data.dotless : data.dotless.emplace()) : (domain->starred ? data.starred : data.wildcards)[domain->name];
            switch (rule.kind) {
                case AddressRule::Kind::address: wildcard.addresses.push_back(rule.address); break;
                case AddressRule::Kind::null_address: wildcard.null_v4 = wildcard.null_v6 = true; break;
                case AddressRule::Kind::nxdomain: wildcard.nxdomain = true; break;
            }
        }
    }
}

void add_aliases(LocalData& data, const Options& options, std::vector<std::string>& notes) {
    for (const CnameRule& rule : options.cname) {
        const auto target = name_of(rule.target, "cname", notes);
        if (!target) continue;
        for (const auto& text : rule.aliases)
            if (const auto alias = name_of(text, "cname", notes)) data.aliases.try_emplace(*alias, LocalAlias{*target, rule.ttl.value_or(options.local_ttl)});
    }
}

/// `domain=`: what a name of one word from a hosts file is also known under, by its address.
class Domains {
public:
    Domains(const Options& options, const FollowedFiles& files, std::vector<std::string>& notes) : files_(files) {
        for (const DomainRule& rule : options.domain) {
            std::string text = rule.name;
            if (rule.scope == DomainRule::Scope::search)
                for (const auto& file : files.resolv)
                    if (text.empty()) text = search_domain(file.text);
            if (text.empty()) continue;
            if (const auto name = name_of(text, "domain", notes)) rules_.push_back({rule, *name});
        }
    }

    const Name* of(const Address& address) const {
        using Scope = DomainRule::Scope;
        const Name* found = nullptr;
        for (const auto& [rule, name] : rules_) {
            if (rule.scope == Scope::range && rule.first.v6 == address.v6 && rule.first.bytes <= address.bytes && address.bytes <= rule.last.bytes) return &name;
            if (rule.scope == Scope::interface && on_interface(rule.interface, address)) return &name;
            if (rule.scope == Scope::all || rule.scope == Scope::search) found = &name;  // of several the last counts
        }
        return found;
    }

private:
    bool on_interface(const std::string& interface, const Address& address) const {
        return std::any_of(files_.interfaces.begin(), files_.interfaces.end(),
                           [&](const InterfaceAddress& at) { return at.interface == interface && contains(Network{at.address, at.bits}, address); });
    }
    const FollowedFiles& files_;
    std::vector<std::pair<DomainRule, Name>> rules_;
};

void add_hosts(LocalData& data, const Options& options, const FollowedFiles& files, std::vector<std::string>& notes) {
    const Domains domains(options, files, notes);
    for (const auto& file : files.hosts) {
        if (data.sources.size() < sources_max) data.sources.push_back(file.path);
        const auto source = static_cast<std::uint16_t>(data.sources.size() - 1);
        std::size_t count = 0;
        for (const HostsLine& line : parse_hosts(file.text, file.path, notes)) {
            const Name* domain = options.expand_hosts ? domains.of(line.address) : nullptr;
            for (std::size_t i = 0; i < line.names.size(); ++i) {
                const Name& name = line.names[i];
                Name whole = name;
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

/// The host part of `given` within the network of `at`.
Address within_network(const InterfaceAddress& at, const Address& given) {
    Address made = given;
    for (unsigned bit = 0; bit < at.bits; ++bit) {
        const auto mask = static_cast<std::uint8_t>(0x80u >> bit % 8);
        made.bytes[bit / 8] = static_cast<std::uint8_t>((made.bytes[bit / 8] & ~mask) | (at.address.bytes[bit / 8] & mask));
    }
    return made;
}

/// interface-name and dynamic-host: before all else, as in dnsmasq.
void add_interface_names(LocalData& data, const Options& options, const FollowedFiles& files, std::vector<std::string>& notes) {
    const auto add = [&](const Name& name, const Address& address) {
        add_name(data, name, address, options.local_ttl, from_config);
        add_pointer(data, address, name, options.local_ttl);
    };
    for (const InterfaceName& rule : options.interface_name) {
        const auto name = name_of(rule.name, "interface-name", notes);
        if (!name) continue;
        for (const InterfaceAddress& at : files.interfaces)
            if (at.interface == rule.interface && at.up && (at.address.v6 ? rule.v6 && !at.address.is_link_local() : rule.v4)) add(*name, at.address);
    }
    for (const DynamicHost& rule : options.dynamic_host) {
        const auto name = name_of(rule.name, "dynamic-host", notes);
        if (!name) continue;
        for (const InterfaceAddress& at : files.interfaces) {
            const auto& given = at.address.v6 ? rule.v6 : rule.v4;
            if (at.interface == rule.interface && at.up && given && !(at.address.v6 && at.address.is_link_local())) add(*name, within_network(at, *given));
        }
    }
}

void add_made_names(LocalData& data, const Options& options, std::vector<std::string>& notes) {
    for (const SynthDomain& rule : options.synth_domain)
        if (const auto domain = name_of(rule.domain, "synth-domain", notes)) data.made.push_back({rule, *domain});
}

}  // namespace

std::shared_ptr<const LocalData> make_local_data(const Options& options, const FollowedFiles& files, std::vector<std::string>& notes) {
    auto data = std::make_shared<LocalData>();
    add_interface_names(*data, options, files, notes);
    add_host_records(*data, options, notes);
    add_hosts(*data, options, files, notes);
    add_wildcards(*data, options, notes);
    add_aliases(*data, options, notes);
    add_static_records(*data, options, files.host_name, notes);
    add_made_names(*data, options, notes);
    return data;
}

bool is_known_locally(const LocalData& data, const Name& lower) {
    if (data.names.contains(lower) || data.aliases.contains(lower) || data.pointers.contains(lower) || data.records.contains(lower)) return true;
    return !data.made.empty() && (address_of_made(data.made, lower, false) || address_of_made(data.made, lower, true));
}

}  // namespace lictor
