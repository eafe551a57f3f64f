// A range is stored as first and last address; both notations give the same value.
#include "conf/values/range_values.hpp"

#include <algorithm>
#include <tuple>

#include "conf/base/printable.hpp"
#include "conf/values/line_syntax.hpp"
#include "conf/values/option_values.hpp"
#include "conf/values/record_values.hpp"

namespace lictor::conf {
namespace {

// A label has 63 bytes; the longest address needs the rest.
constexpr std::size_t prefix_bytes_max = 47, prefix_bytes_max_v6 = 17;
constexpr std::uint64_t milliseconds_max = 0x7fffffff;

unsigned width(const Address& address) { return address.v6 ? 128 : 32; }

void set_bit(Address& address, unsigned bit, bool value) {
    const auto mask = static_cast<std::uint8_t>(0x80u >> (bit % 8));
    auto& byte = address.bytes[bit / 8];
    byte = static_cast<std::uint8_t>(value ? byte | mask : byte & ~mask);
}

/// First and last address of a network.
std::pair<Address, Address> range_of(const Network& network) {
    Address first = network.address, last = network.address;
    for (unsigned bit = network.bits; bit < width(first); ++bit) {
        set_bit(first, bit, false);
        set_bit(last, bit, true);
    }
    return {first, last};
}

/// The prefix length when the range is one network.
std::optional<unsigned> network_bits(const Address& first, const Address& last) {
    for (unsigned bits = 0; bits <= width(first); ++bits)
        if (range_of({first, bits}) == std::pair(first, last)) return bits;
    return std::nullopt;
}

std::string range_text(const Address& first, const Address& last) {
    if (first == last) return first.text();
    // An IPv6 prefix shorter than 64 would be parsed as 64.
    const auto bits = network_bits(first, last);
    return bits && (!first.v6 || *bits >= 64) ? first.text() + '/' + std::to_string(*bits) : first.text() + ',' + last.text();
}

/// The network of a domain's range. As in dnsmasq, an IPv6 prefix shorter than 64 is treated as 64.
Result<std::pair<Address, Address>> parse_range_network(std::string_view text) {
    auto network = parse_network(text);
    if (!network) return network.error();
    if (network->address.v6) network->bits = std::max(network->bits, 64u);
    return range_of(*network);
}

std::optional<Error> check_range(const Address& first, const Address& last) {
    if (first.v6 != last.v6) return Error{"the first and the last address differ in address family"};
    return std::nullopt;
}

Result<std::uint32_t> parse_milliseconds(std::string_view text) {
    const auto number = parse_number(text, milliseconds_max);
    if (!number) return Error{shown(text) + " is not a number of milliseconds"};
    return static_cast<std::uint32_t>(*number);
}

}  // namespace

Result<Network> parse_network(std::string_view value) {
    const auto slash = value.find('/');
    const auto address = Address::parse(trimmed(value.substr(0, slash)));
    if (!address) return Error{shown(value) + " is not an IP address or network: write ADDRESS[/BITS]"};
    Network network{*address, width(*address)};
    if (slash != std::string_view::npos) {
        const auto bits = parse_number(trimmed(value.substr(slash + 1)), width(*address));
        if (!bits) return Error{"bad prefix length in " + shown(value) + ": 0 to " + std::to_string(width(*address))};
        network.bits = static_cast<unsigned>(*bits);
    }
    return network;
}

std::string text_of(const Network& network) {
    return network.address.text() + (network.bits == width(network.address) ? "" : '/' + std::to_string(network.bits));
}

bool contains(const Network& network, const Address& address) {
    if (network.address.v6 != address.v6) return false;
    const unsigned whole = network.bits / 8, rest = network.bits % 8;
    if (!std::equal(network.address.bytes.begin(), network.address.bytes.begin() + whole, address.bytes.begin())) return false;
    return rest == 0 || ((network.address.bytes[whole] ^ address.bytes[whole]) >> (8 - rest)) == 0;
}

Result<DomainValue> parse_domain_rule(std::string_view value) {
    DomainValue out;
    auto& rule = out.rule;
    const auto items = split_list(value);
    if (items.size() == 1 && items[0] == "#") {
        rule.scope = DomainRule::Scope::search;
        return out;
    }
    auto name = parse_record_name(items[0]);
    if (!name) return name.error();
    rule.name = *std::move(name);
    if (items.size() == 1) return out;
    if (items[1].find('/') != std::string::npos) {
        const auto range = parse_range_network(items[1]);
        if (!range) return range.error();
        std::tie(rule.first, rule.last) = *range;
        rule.scope = DomainRule::Scope::range;
        if (items.size() == 2) return out;
        if (items.size() > 3 || items[2] != "local") return Error{"only `local` is allowed after the network, not " + shown(items[2])};
        auto network = *parse_network(items[1]);
        if (network.bits == 0) return Error{"bad prefix length in " + shown(items[1]) + ": a local network needs at least 1 bit"};
        out.local.emplace();
        out.local->domains = reverse_domains(network);
        out.local->domains.insert(out.local->domains.begin(), rule.name);
        return out;
    }
    if (const auto first = Address::parse(items[1])) {
        rule.scope = DomainRule::Scope::range;
        rule.first = rule.last = *first;
        if (items.size() > 2) {
            const auto last = Address::parse(items[2]);
            if (!last) return Error{shown(items[2]) + " is not an IP address"};
            rule.last = *last;
        }
        if (auto error = check_range(rule.first, rule.last)) return *std::move(error);
        return out;
    }
    auto interface = parse_interface(items[1]);
    if (!interface) return interface.error();
    rule.scope = DomainRule::Scope::interface;
    rule.interface = *std::move(interface);
    return out;
}

std::string text_of(const DomainRule& rule) {
    switch (rule.scope) {
        case DomainRule::Scope::search: return "#";
        case DomainRule::Scope::all: return quoted(rule.name);
        case DomainRule::Scope::range: return quoted(rule.name) + ',' + range_text(rule.first, rule.last);
        case DomainRule::Scope::interface: break;
    }
    return quoted(rule.name) + ',' + rule.interface;
}

Result<SynthDomain> parse_synth_domain(std::string_view value) {
    SynthDomain rule;
    const auto items = split_list(value);
    if (items.size() < 2) return Error{"write DOMAIN,RANGE[,PREFIX[*]]"};
    auto name = parse_record_name(items[0]);
    if (!name) return name.error();
    rule.domain = *std::move(name);
    std::size_t next = 2;
    bool small_network = false;
    if (items[1].find('/') != std::string::npos) {
        const auto range = parse_range_network(items[1]);
        if (!range) return range.error();
        std::tie(rule.first, rule.last) = *range;
        small_network = parse_network(items[1])->bits >= 64;
    } else {
        const auto first = parse_address(items[1]);
        if (!first) return first.error();
        rule.first = rule.last = *first;
        if (items.size() > 2) {
            const auto last = parse_address(items[2]);
            if (!last) return last.error();
            rule.last = *last;
            next = 3;
        }
        if (auto error = check_range(rule.first, rule.last)) return *std::move(error);
    }
    if (items.size() > next + 1) return Error{"more than one value after the range: write DOMAIN,RANGE[,PREFIX[*]]"};
    if (items.size() == next || items[next].empty()) return rule;
    auto prefix = parse_record_name(items[next]);
    if (!prefix) return prefix.error();
    if (prefix->find('/') != std::string::npos)
        return Error{"prefix " + shown(items[next]) + " contains '/': a network stands in place of the first and last address"};
    const bool v6_network = rule.first.v6 && next == 2;
    if (prefix->size() > (v6_network ? prefix_bytes_max_v6 : prefix_bytes_max))
        return Error{"prefix " + shown(items[next]) + " is too long: with the address it does not fit into one label"};
    if (prefix->ends_with('*')) {
        if (rule.first.v6 && !small_network) return Error{"prefix length too small: numbered names need a network of /64 or smaller"};
        rule.counted = true;
        prefix->pop_back();
    }
    rule.prefix = *std::move(prefix);
    return rule;
}

std::string text_of(const SynthDomain& rule) {
    auto out = quoted(rule.domain) + ',';
    // A single address and a numbered IPv6 range are printed as networks, so that the prefix is not parsed as the range's end.
    const auto bits = network_bits(rule.first, rule.last);
    out += bits ? rule.first.text() + '/' + std::to_string(*bits) : rule.first.text() + ',' + rule.last.text();
    if (!rule.prefix.empty() || rule.counted) out += ',' + quoted(rule.prefix + (rule.counted ? "*" : ""));
    return out;
}

Result<AddressTranslation> parse_translation(std::string_view value) {
    const auto items = split_list(value);
    const auto v4 = [](std::string_view text) {
        const auto address = Address::parse(trimmed(text));
        return address && !address->v6 ? address : std::nullopt;
    };
    if (items.size() < 2 || items.size() > 3) return Error{"missing address in alias: write OLD[-END],NEW[,MASK]"};
    const auto dash = items[0].find('-');
    const auto first = v4(std::string_view(items[0]).substr(0, dash));
    const auto replacement = v4(items[1]);
    const auto mask = items.size() == 3 ? v4(items[2]) : std::optional(Address::v4(255, 255, 255, 255));
    if (!first || !replacement || !mask) return Error{"missing address in alias: write IPv4 addresses as OLD[-END],NEW[,MASK]"};
    AddressTranslation rule{*first, *first, *replacement, *mask};
    if (dash == std::string::npos) return rule;
    const auto last = v4(std::string_view(items[0]).substr(dash + 1));
    if (!last || last->bytes < first->bytes) return Error{"invalid alias range " + shown(items[0])};
    for (std::size_t i = 0; i < 4; ++i)
        if ((first->bytes[i] ^ last->bytes[i]) & mask->bytes[i])
            return Error{"invalid alias range " + shown(items[0]) +
                         ": the mask puts the first and the last address into different networks"};
    rule.last = *last;
    return rule;
}

std::string text_of(const AddressTranslation& rule) {
    return rule.first.text() + (rule.first == rule.last ? "" : '-' + rule.last.text()) + ',' + rule.replacement.text() + ',' +
           rule.mask.text();
}

Result<ClientSubnet> parse_client_subnet(std::string_view value) {
    ClientSubnet subnet;
    if (value.empty()) return subnet;
    const auto items = split_list(value);
    if (items.size() > 2) return Error{"write [IPV4/]BITS[,[IPV6/]BITS]"};
    for (std::size_t i = 0; i < items.size(); ++i) {
        auto& address = i == 0 ? subnet.v4 : subnet.v6;
        const auto slash = items[i].find('/');
        if (slash != std::string::npos) {
            address = Address::parse(trimmed(std::string_view(items[i]).substr(0, slash)));
            if (!address) return Error{"bad address in " + shown(items[i])};
        }
        const auto bits =
            parse_number(slash == std::string::npos ? trimmed(items[i]) : trimmed(std::string_view(items[i]).substr(slash + 1)),
                         i == 0 && !(address && address->v6) ? 32 : 128);
        if (!bits) return Error{"bad prefix length in " + shown(items[i])};
        (i == 0 ? subnet.bits4 : subnet.bits6) = static_cast<unsigned>(*bits);
        (i == 0 ? subnet.v4_given : subnet.v6_given) = true;
    }
    return subnet;
}

std::string text_of(const ClientSubnet& subnet) {
    if (!subnet.v4_given) return {};
    const auto one = [](const std::optional<Address>& address, unsigned bits) {
        return (address ? address->text() + '/' : "") + std::to_string(bits);
    };
    return one(subnet.v4, subnet.bits4) + (subnet.v6_given ? ',' + one(subnet.v6, subnet.bits6) : "");
}

Result<FastRetry> parse_fast_retry(std::string_view value) {
    FastRetry retry;
    if (value.empty()) return retry;
    const auto items = split_list(value);
    if (items.size() > 2) return Error{"write FIRST[,TOTAL] in milliseconds"};
    const auto first = parse_milliseconds(items[0]);
    if (!first) return first.error();
    if (*first < 50) return Error{"the first retry is before 50 milliseconds: write 50 or more"};
    retry.first = milliseconds(*first);
    if (items.size() > 1) {
        const auto total = parse_milliseconds(items[1]);
        if (!total) return total.error();
        retry.total = milliseconds(*total);
    }
    return retry;
}

std::string text_of(const FastRetry& retry) { return std::to_string(retry.first.count()) + ',' + std::to_string(retry.total.count()); }

std::vector<std::string> reverse_domains(const Network& network) {
    const Address& address = network.address;
    const unsigned step = address.v6 ? 4 : 8;
    const unsigned whole = network.bits / step, rest = network.bits % step;
    const auto part = [&](unsigned index) -> unsigned {
        if (!address.v6) return address.bytes[index];
        return index % 2 ? address.bytes[index / 2] & 15u : address.bytes[index / 2] >> 4;
    };
    const auto part_text = [&](unsigned value) { return address.v6 ? std::string(1, "0123456789abcdef"[value]) : std::to_string(value); };
    std::string above;
    for (unsigned i = whole; i-- > 0;) above += part_text(part(i)) + '.';
    above += address.v6 ? "ip6.arpa" : "in-addr.arpa";
    if (rest == 0) return {above};
    std::vector<std::string> domains;
    const unsigned count = 1u << (step - rest);
    const unsigned first = part(whole) & ~(count - 1);
    for (unsigned i = 0; i < count; ++i) domains.push_back(part_text(first + i) + '.' + above);
    return domains;
}

Result<ServerRule> parse_reverse_server(std::string_view value) {
    const auto items = split_list(value);
    if (items.size() > 2) return Error{"write ADDRESS[/BITS],UPSTREAM"};
    auto network = parse_network(items[0]);
    if (!network) return network.error();
    if (network->bits == 0) return Error{"bad prefix length in " + shown(items[0]) + ": write at least 1 bit"};
    const auto domains = reverse_domains(*network);
    // Parsed for the first domain, then used for all.
    auto rule = parse_server_rule('/' + domains.front() + '/' + (items.size() == 2 ? items[1] : std::string()));
    if (!rule) return rule.error();
    rule->domains = domains;
    return rule;
}

Result<std::vector<std::string>> parse_rebind_domains(std::string_view value) {
    const auto text = without_markers(value);
    std::string_view rest = text;
    if (rest.starts_with('/')) rest.remove_prefix(1);
    std::vector<std::string> domains;
    while (!rest.empty()) {
        const auto slash = rest.find('/');
        auto name = parse_record_name(trimmed(rest.substr(0, slash)));
        if (!name) return name.error();
        domains.push_back(*std::move(name));
        rest = slash == std::string_view::npos ? std::string_view() : rest.substr(slash + 1);
    }
    if (domains.empty()) return Error{"write /DOMAIN/ or DOMAIN"};
    return domains;
}

}  // namespace lictor::conf
