// host-record before hosts files, as dnsmasq reads them; for one address the first name is the one that PTR gives.
#include "resolver/core/local_data.hpp"

#include <algorithm>

#include "resolver/core/hosts_file.hpp"

namespace lictor {
namespace {

std::optional<Name> name_of(const std::string& text, const char* option, std::vector<std::string>& notes) {
    if (const auto name = Name::parse(text)) return name->lower();
    notes.push_back(std::string(option) + ": '" + text + "' is not a domain name; skipped");
    return std::nullopt;
}

void add_name(LocalData& data, const Name& name, const Address& address, std::uint32_t ttl, bool from_hosts) {
    auto [entry, fresh] = data.names.try_emplace(name, LocalName{{}, ttl, from_hosts});
    auto& addresses = entry->second.addresses;
    if (std::find(addresses.begin(), addresses.end(), address) == addresses.end()) addresses.push_back(address);
}

void add_pointer(LocalData& data, const Address& address, const Name& name) {
    if (address.is_unspecified()) return;  // lists of blocked names: nobody is called 0.0.0.0
    data.pointers.try_emplace(reverse_name(address), std::vector<Name>{name});
}

void add_host_records(LocalData& data, const Options& options, std::vector<std::string>& notes) {
    for (const HostRecord& record : options.host_record) {
        std::optional<Name> first;
        for (const auto& text : record.names) {
            const auto name = name_of(text, "host-record", notes);
            if (!name) continue;
            if (!first) first = name;
            data.names.try_emplace(*name, LocalName{{}, record.ttl.value_or(options.local_ttl), false});
            for (const Address& address : record.addresses) add_name(data, *name, address, record.ttl.value_or(options.local_ttl), false);
        }
        if (!first) continue;
        for (const Address& address : record.addresses) add_pointer(data, address, *first);
    }
}

void add_wildcards(LocalData& data, const Options& options, std::vector<std::string>& notes) {
    for (const AddressRule& rule : options.address) {
        for (const auto& text : rule.domains) {
            const auto domain = text == "#" || text.empty() ? std::optional<Name>(Name{}) : name_of(text, "address", notes);
            if (!domain) continue;
            LocalWildcard& wildcard = data.wildcards[*domain];
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

}  // namespace

std::shared_ptr<const LocalData> make_local_data(const Options& options, const FollowedFiles& files, std::vector<std::string>& notes) {
    auto data = std::make_shared<LocalData>();
    add_host_records(*data, options, notes);
    for (const auto& file : files.hosts) {
        for (const HostsLine& line : parse_hosts(file.text, file.path, notes)) {
            for (const Name& name : line.names) add_name(*data, name, line.address, options.local_ttl, true);
            add_pointer(*data, line.address, line.names.front());
        }
    }
    add_wildcards(*data, options, notes);
    add_aliases(*data, options, notes);
    return data;
}

bool is_known_locally(const LocalData& data, const Name& lower) {
    if (data.names.contains(lower) || data.aliases.contains(lower) || data.pointers.contains(lower)) return true;
    if (data.wildcards.empty()) return false;
    for (Name at = lower;; at = at.parent()) {
        const auto found = data.wildcards.find(at);
        if (found != data.wildcards.end() && (!found->second.addresses.empty() || found->second.null_v4)) return true;
        if (at.is_root()) return false;
    }
}

}  // namespace lictor
