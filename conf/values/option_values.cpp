// Parses names, addresses and rules for forwarding and local data, in dnsmasq's syntax. leader_value.cpp parses the values of lictor's own
// options, consul_address.cpp the addresses of Consul.
#include "conf/values/option_values.hpp"

#include <algorithm>

#include "conf/base/printable.hpp"
#include "conf/values/line_syntax.hpp"
#include "conf/values/record_values.hpp"

namespace lictor::conf {
namespace {

constexpr std::size_t interface_bytes_max = 15;
constexpr std::uint64_t ttl_max = 0x7fffffff;  // RFC 2181 §8

bool is_digits(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// True for mistyped addresses such as `10.0.0.300`: no top-level domain is a number.
bool looks_like_address(std::string_view text) {
    if (text.ends_with('.')) text.remove_suffix(1);
    const auto dot = text.rfind('.');
    return text.find(':') != std::string_view::npos || (dot != std::string_view::npos && is_digits(text.substr(dot + 1)));
}

/// The domains of `/a/b/REST`; `rest` becomes what follows the last slash.
Result<std::vector<std::string>> split_domains(std::string_view& rest) {
    std::vector<std::string> domains;
    rest.remove_prefix(1);
    for (auto slash = rest.find('/'); slash != std::string_view::npos; slash = rest.find('/')) {
        domains.emplace_back(trimmed(rest.substr(0, slash)));
        rest.remove_prefix(slash + 1);
    }
    rest = trimmed(rest);
    if (!domains.empty()) return domains;
    const auto blank = rest.find_first_of(" \t");
    const auto remedy = blank == std::string_view::npos
                            ? std::string(rest) + "/ADDRESS"
                            : std::string(rest.substr(0, blank)) + '/' + std::string(trimmed(rest.substr(blank)));
    return Error{"a domain needs a slash on both sides: write /" + printable(remedy, 100)};
}

/// The correction for text that is not an address but resembles one. `ports`: a port may follow the address.
std::optional<std::string> address_meant(std::string_view text, bool ports) {
    const auto with_port = [&](std::string_view address, std::string_view port) {
        return "write " + std::string(address) + (port.empty() || !ports ? std::string() : '#' + printable(port, 20));
    };
    const auto blank = text.find_first_of(" \t");
    if (blank != std::string_view::npos && Endpoint::parse(text.substr(0, blank), 53))
        return "more than one address in " + shown(text) + ": write one line for each";
    if (text.starts_with('[')) {
        const auto end = text.find(']');
        if (end == std::string_view::npos || !Address::parse(text.substr(1, end - 1))) return std::nullopt;
        const auto behind = text.substr(end + 1);
        return "brackets in " + shown(text) + ": " + with_port(text.substr(1, end - 1), behind.empty() ? behind : behind.substr(1));
    }
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos || text.find(':') != colon || !is_digits(text.substr(colon + 1))) return std::nullopt;
    if (Address::parse(text.substr(0, colon)))
        return (ports ? "the port needs a '#': " : "the option takes no port, but there is one in " + shown(text) + ": ") +
               with_port(text.substr(0, colon), text.substr(colon + 1));
    if (ports && parse_domain(text.substr(0, colon))) return shown(text.substr(0, colon)) + " is a host name: write IP#PORT";
    return std::nullopt;
}

/// The error for `consul/127.0.0.1` and `127.0.0.1/consul/`, which should be `/consul/127.0.0.1`.
std::optional<Error> misplaced_domain(std::string_view text) {
    const auto slash = text.find('/'), last = text.rfind('/');
    if (slash == std::string_view::npos) return std::nullopt;
    auto domain = text.substr(0, last), where = text.substr(last + 1);
    if (Endpoint::parse(text.substr(0, slash), 53)) {
        where = text.substr(0, slash);
        domain = text.substr(slash + 1);
        while (domain.ends_with('/')) domain.remove_suffix(1);
    }
    return Error{"the domain must come first, between slashes: write " +
                 printable('/' + std::string(domain) + '/' + std::string(where), 100)};
}

/// A domain between slashes: empty matches names without dots, `#` every name, `*foo.example` every name with this ending,
/// `*.example` names below example; `.example` is an old form of `example`.
Result<std::string> parse_rule_domain(std::string_view text) {
    if (text.empty()) return std::string();
    if (text == "#" || text == "*") return std::string("#");
    if (!text.starts_with('*')) {
        const bool dotted = text.starts_with('.');
        while (text.starts_with('.')) text.remove_prefix(1);
        if (text.empty()) return std::string("#");
        auto name = parse_record_name(text);
        // After a dot neither sign has a meaning: it is part of the label.
        if (name && dotted && (*name == "#" || name->starts_with('*'))) name->insert(0, ".");
        return name;
    }
    const std::string_view star = text.starts_with("*.") ? "*." : "*";
    auto name = parse_record_name(text.substr(star.size()));
    if (name) name->insert(0, star);
    return name;
}

Result<std::string> parse_ttl_or_name(std::string_view text, std::optional<std::uint32_t>& ttl, bool last) {
    if (last && is_digits(text)) {
        const auto seconds = parse_number(text, ttl_max);
        if (!seconds) return Error{"TTL " + shown(text) + " is above 2147483647"};
        ttl = static_cast<std::uint32_t>(*seconds);
        return std::string();
    }
    if (looks_like_address(text)) return Error{shown(text) + " is neither an address nor a name"};
    return parse_domain(text);
}

/// The text after the upstream's address: `@interface`, `@source[#port]`, or both in this order.
std::optional<Error> parse_server_source(std::string_view text, ServerRule& rule) {
    while (!text.empty()) {
        const auto at = text.find('@');
        const auto part = text.substr(0, at);
        text = at == std::string_view::npos ? std::string_view() : text.substr(at + 1);
        if (const auto source = Endpoint::parse(part, 0)) {
            if (rule.source) return Error{"more than one source address: write only one"};
            if (rule.upstream && rule.upstream->host.empty() && rule.upstream->endpoint.address.v6 != source->address.v6)
                return Error{"the address and the source address differ in address family"};
            rule.source = *source;
        } else if (rule.interface.empty() && !rule.source) {
            auto interface = parse_interface(part);
            if (!interface) return interface.error();
            if (interface->ends_with('*')) return Error{"an upstream's interface must be a single interface: remove the '*'"};
            rule.interface = *std::move(interface);
        } else {
            return Error{shown(part) + " is not a source address: write IP#PORT@INTERFACE@SOURCE"};
        }
    }
    return std::nullopt;
}

}  // namespace

Result<Address> parse_address(std::string_view text) {
    if (const auto address = Address::parse(text)) return *address;
    if (text.find('%') != std::string_view::npos) return Error{shown(text) + " has a zone (%interface), which is not supported: remove it"};
    if (auto meant = address_meant(text, false)) return Error{*std::move(meant)};
    return Error{shown(text) + " is not an IP address"};
}

Result<Endpoint> parse_endpoint(std::string_view text, std::uint16_t default_port) {
    if (const auto endpoint = Endpoint::parse(text, default_port)) {
        if (endpoint->port == 0) return Error{"port 0 in " + shown(text) + ": write 1 to 65535"};
        return *endpoint;
    }
    if (text.find(',') != std::string_view::npos)
        return Error{"only one address is allowed, not the list " + shown(text) + ": write one line for each"};
    if (auto meant = address_meant(text, true)) return Error{*std::move(meant)};
    const auto address = text.substr(0, text.find('#'));
    if (Address::parse(address)) return Error{"port in " + shown(text) + " is not a number from 1 to 65535"};
    if (address.find('%') == std::string_view::npos && parse_domain(address) && !looks_like_address(address))
        return Error{shown(address) + " is a host name: write the IP address"};
    return parse_address(address).error();
}

Result<ServerPlace> parse_server_place(std::string_view text, std::uint16_t default_port) {
    auto endpoint = parse_endpoint(text, default_port);
    if (endpoint) return ServerPlace(*endpoint);
    const auto hash = text.find('#');
    auto host = parse_domain(text.substr(0, hash));
    if (!host || looks_like_address(*host)) return endpoint.error();
    const auto port =
        hash == std::string_view::npos ? std::optional<std::uint64_t>(default_port) : parse_number(text.substr(hash + 1), 65535);
    if (!port || *port == 0) return Error{"port in " + shown(text) + " is not a number from 1 to 65535"};
    ServerPlace place;
    place.host = *std::move(host);
    place.endpoint.port = static_cast<std::uint16_t>(*port);
    return place;
}

Result<std::string> parse_interface(std::string_view text) {
    if (text.empty() || text.size() > interface_bytes_max) return Error{"interface name " + shown(text) + " is not 1 to 15 bytes long"};
    if (text.find_first_of("/ ,@\"#") != std::string_view::npos) return Error{shown(text) + " is not an interface name"};
    const auto star = text.find('*');
    if (star != std::string_view::npos && star + 1 != text.size())
        return Error{"'*' is allowed only at the end of the interface name " + shown(text)};
    return std::string(text);
}

Result<std::string> parse_absolute_path(std::string_view text) {
    constexpr std::size_t path_bytes_max = 4095;
    if (text.size() > path_bytes_max) return Error{"longer than 4095 bytes"};
    if (!text.starts_with('/')) return Error{shown(text) + " is not an absolute path: begin it with /"};
    return std::string(text);
}

Result<ServerRule> parse_server_rule(std::string_view text) {
    ServerRule rule;
    bool every_name = !text.starts_with('/');
    if (!every_name) {
        const auto domains = split_domains(text);
        if (!domains) return domains.error();
        for (const auto& domain : *domains) {
            auto name = parse_rule_domain(domain);
            if (!name) return name.error();
            if (*name == "#") every_name = true;
            else rule.domains.push_back(*std::move(name));
        }
        if (every_name) rule.domains.clear();
        if (text.empty()) return rule;
    }
    if (text == "#") {
        rule.standard = true;  // for every name: no effect
        return rule;
    }
    const auto at = text.find('@');
    auto where = std::string(trimmed(text.substr(0, at)));
    // `fe80::1%eth0#53`: a link-local address needs its interface.
    if (const auto percent = where.find('%'); percent != std::string::npos && where.find(':') < percent) {
        const auto hash = std::min(where.find('#'), where.size());
        auto interface = parse_interface(std::string_view(where).substr(percent + 1, hash > percent ? hash - percent - 1 : 0));
        if (!interface) return interface.error();
        rule.interface = *std::move(interface);
        where.erase(percent, hash - percent);
    }
    if (auto error = misplaced_domain(where)) return *std::move(error);
    auto upstream = parse_server_place(where, 53);
    if (!upstream) return upstream.error();
    rule.upstream = *std::move(upstream);
    if (at != std::string_view::npos) {
        if (at + 1 == text.size()) return Error{"no interface or source address after '@'"};
        if (auto error = parse_server_source(text.substr(at + 1), rule)) return *std::move(error);
    }
    return rule;
}

std::string text_of(const ServerRule& rule) {
    std::string out;
    for (const auto& domain : rule.domains) out += '/' + domain;
    if (!rule.domains.empty()) out += '/';
    if (rule.standard) return out + '#';
    if (!rule.upstream) return out.empty() ? "/#/" : out;
    out += rule.upstream->text();
    if (!rule.interface.empty()) out += '@' + rule.interface;
    if (rule.source) out += '@' + rule.source->text();
    return out;
}

Result<AddressRule> parse_address_rule(std::string_view text) {
    if (!text.starts_with('/')) {
        if (auto error = misplaced_domain(text)) return *std::move(error);
        auto rule = text.empty() ? Result<AddressRule>(Error{"write /DOMAIN/ADDRESS (/#/ADDRESS for every name)"})
                                 : parse_address_rule("/#/" + std::string(text));
        if (!rule && !Address::parse(text))
            return Error{shown(text) + " is not an address: write /DOMAIN/ADDRESS (/#/ADDRESS for every name)"};
        return rule;
    }
    AddressRule rule;
    const auto domains = split_domains(text);
    if (!domains) return domains.error();
    for (const auto& domain : *domains) {
        auto name = parse_rule_domain(domain);
        if (!name) return name.error();
        rule.domains.push_back(*std::move(name));
    }
    if (text.empty()) return rule;
    if (text == "#") {
        rule.kind = AddressRule::Kind::null_address;
        return rule;
    }
    const auto address = parse_address(text);
    if (!address) return address.error();
    rule.kind = AddressRule::Kind::address;
    rule.address = *address;
    return rule;
}

std::string text_of(const AddressRule& rule) {
    std::string out;
    for (const auto& domain : rule.domains) out += '/' + domain;
    out += '/';
    if (rule.kind == AddressRule::Kind::null_address) out += '#';
    if (rule.kind == AddressRule::Kind::address) out += rule.address.text();
    return out;
}

Result<HostRecord> parse_host_record(std::string_view value) {
    HostRecord record;
    const auto items = split_list(value);
    for (std::size_t i = 0; i < items.size(); ++i) {
        if (items[i].empty()) continue;
        if (const auto address = Address::parse(items[i])) {
            record.addresses.push_back(*address);
            continue;
        }
        auto name = parse_ttl_or_name(items[i], record.ttl, i > 0 && items.size() > 1);
        if (!name) return name.error();
        if (name->empty()) continue;
        record.names.push_back(*std::move(name));
    }
    if (record.names.empty()) return Error{"no name: write NAME[,NAME…],ADDRESS[,ADDRESS][,TTL]"};
    if (items.size() < 2) return Error{"no address: write NAME[,NAME…],ADDRESS[,ADDRESS][,TTL]"};
    return record;
}

std::string text_of(const HostRecord& record) {
    std::string out;
    for (const auto& name : record.names) out += (out.empty() ? "" : ",") + name;
    for (const auto& address : record.addresses) out += ',' + address.text();
    if (record.ttl) out += ',' + std::to_string(*record.ttl);
    return out;
}

Result<CnameRule> parse_cname(std::string_view value) {
    CnameRule rule;
    const auto items = split_list(value);
    std::vector<std::string> names;
    for (std::size_t i = 0; i < items.size(); ++i) {
        // The alias `*.example.com` applies to every name below example.com that has no records of its own.
        const bool star = i + 1 < items.size() && items[i].starts_with("*.");
        auto name = parse_ttl_or_name(star ? std::string_view(items[i]).substr(2) : items[i], rule.ttl, i > 1 && i + 1 == items.size());
        if (!name) return name.error();
        if (!name->empty()) names.push_back((star ? "*." : "") + *name);
    }
    if (names.size() < 2) return Error{"write ALIAS[,ALIAS…],TARGET[,TTL]"};
    rule.target = names.back();
    names.pop_back();
    if (rule.target.starts_with('*')) return Error{"'*' is not allowed in a target"};
    if (std::find(names.begin(), names.end(), rule.target) != names.end()) return Error{shown(rule.target) + " is an alias of itself"};
    rule.aliases = std::move(names);
    return rule;
}

std::string text_of(const CnameRule& rule) {
    std::string out;
    for (const auto& alias : rule.aliases) out += alias + ',';
    out += rule.target;
    if (is_digits(rule.target)) out += '.';  // otherwise it would be parsed as the TTL
    if (rule.ttl) out += ',' + std::to_string(*rule.ttl);
    return out;
}

}  // namespace lictor::conf
