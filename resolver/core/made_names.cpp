// Text of the first label against the range, and the other way round.
#include "resolver/core/made_names.hpp"

#include <algorithm>

namespace lictor {
namespace {

bool within(const SynthDomain& rule, const Address& address) {
    return rule.first.v6 == address.v6 && rule.first.bytes <= address.bytes && address.bytes <= rule.last.bytes;
}

/// The last eight bytes (four of IPv4) as a number: a range never spans more.
std::uint64_t host_part(const Address& address) {
    std::uint64_t value = 0;
    for (std::size_t i = address.v6 ? 8 : 0; i < (address.v6 ? 16u : 4u); ++i) value = value << 8 | address.bytes[i];
    return value;
}

Address with_host_part(Address address, std::uint64_t value) {
    for (std::size_t i = address.v6 ? 16 : 4; i-- > (address.v6 ? 8u : 0u); value >>= 8) address.bytes[i] = static_cast<std::uint8_t>(value);
    return address;
}

std::string first_label(const Name& name) {
    const Bytes wire = name.wire();
    return {reinterpret_cast<const char*>(wire.data()) + 1, wire[0]};
}

std::string lower_text(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(), [](char c) { return static_cast<char>(lower_ascii(static_cast<std::uint8_t>(c))); });
    return text;
}

std::optional<Address> read_label(const SynthDomain& rule, std::string text) {
    const std::string prefix = lower_text(rule.prefix);
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

std::optional<Address> address_of_made(const std::vector<MadeNames>& all, const Name& lower, bool v6) {
    if (lower.is_root()) return std::nullopt;
    for (const MadeNames& made : all)
        if (made.rule.first.v6 == v6 && lower.parent() == made.domain)
            if (const auto address = read_label(made.rule, first_label(lower))) return address;
    return std::nullopt;
}

std::optional<Name> made_name(const std::vector<MadeNames>& all, const Address& address) {
    for (const MadeNames& made : all) {
        if (!within(made.rule, address)) continue;
        std::string label = made.rule.prefix;
        if (made.rule.counted) {
            label += std::to_string(host_part(address) - host_part(made.rule.first));
        } else if (address.v6) {
            std::string text = address.text();
            std::replace(text.begin(), text.end(), ':', '-');
            if (text.starts_with('-') && made.rule.prefix.empty()) text.insert(0, 1, '0');  // a label must not begin or end with it
            if (text.ends_with('-')) text += '0';
            label += text;
        } else {
            std::string text = address.text();
            std::replace(text.begin(), text.end(), '.', '-');
            label += text;
        }
        Name name = made.domain;
        if (name.prepend(label)) return name;
    }
    return std::nullopt;
}

}  // namespace lictor
