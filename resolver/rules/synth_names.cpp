// The text of the first label as an address of the range, and the other way round.
#include "resolver/rules/synth_names.hpp"

#include <algorithm>

#include "conf/base/ascii.hpp"

namespace lictor::rules {
namespace {

bool within(const conf::SynthDomain& rule, const Address& address) {
    return rule.first.v6 == address.v6 && rule.first.bytes <= address.bytes && address.bytes <= rule.last.bytes;
}

/// The last eight bytes (IPv4: all four) as a number. The addresses of a range differ in no other bytes.
std::uint64_t host_part(const Address& address) {
    std::uint64_t value = 0;
    for (std::size_t i = address.v6 ? 8 : 0; i < (address.v6 ? 16u : 4u); ++i) value = value << 8 | address.bytes[i];
    return value;
}

Address with_host_part(Address address, std::uint64_t value) {
    for (std::size_t i = address.v6 ? 16 : 4; i-- > (address.v6 ? 8u : 0u); value >>= 8)
        address.bytes[i] = static_cast<std::uint8_t>(value);
    return address;
}

std::string first_label(const wire::Name& name) {
    const wire::Bytes wire = name.wire();
    return {reinterpret_cast<const char*>(wire.data()) + 1, wire[0]};
}

std::optional<Address> read_label(const conf::SynthDomain& rule, std::string text) {
    const std::string prefix = lower_case(rule.prefix);
    if (!text.starts_with(prefix)) return std::nullopt;
    text.erase(0, prefix.size());
    if (rule.counted) {
        const auto number = parse_number(text, host_part(rule.last) - host_part(rule.first));
        return number ? std::optional(with_host_part(rule.first, host_part(rule.first) + *number)) : std::nullopt;
    }
    std::replace(text.begin(), text.end(), '-', rule.first.v6 ? ':' : '.');
    const auto address = Address::parse(text);
    return address && within(rule, *address) ? address : std::nullopt;
}

}  // namespace

std::optional<Address> synth_address(const std::vector<SynthNames>& all, const wire::Name& lower, bool v6) {
    if (lower.is_root()) return std::nullopt;
    for (const SynthNames& names : all)
        if (names.rule.first.v6 == v6 && lower.parent() == names.domain)
            if (const auto address = read_label(names.rule, first_label(lower))) return address;
    return std::nullopt;
}

std::optional<wire::Name> synth_name(const std::vector<SynthNames>& all, const Address& address) {
    for (const SynthNames& names : all) {
        if (!within(names.rule, address)) continue;
        std::string label = names.rule.prefix;
        if (names.rule.counted) {
            label += std::to_string(host_part(address) - host_part(names.rule.first));
        } else if (address.v6) {
            std::string text = address.text();
            std::replace(text.begin(), text.end(), ':', '-');
            if (text.starts_with('-') && names.rule.prefix.empty()) text.insert(0, 1, '0');  // a label must not begin or end with a dash
            if (text.ends_with('-')) text += '0';
            label += text;
        } else {
            std::string text = address.text();
            std::replace(text.begin(), text.end(), '.', '-');
            label += text;
        }
        wire::Name name = names.domain;
        if (name.prepend(label)) return name;
    }
    return std::nullopt;
}

}  // namespace lictor::rules
