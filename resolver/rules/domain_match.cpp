// The key of `*.example.com` is example.com with a label of one zero byte in front: no configured name has such a label.
#include "resolver/rules/domain_match.hpp"

#include <vector>

namespace lictor::rules {
namespace {

constexpr std::string_view below_label("\0", 1);

template <class Table>
auto* find_in(const Table& table, const wire::Name& name) {
    if (table.empty()) return static_cast<const typename Table::mapped_type*>(nullptr);
    const auto found = table.find(name);
    return found == table.end() ? nullptr : &found->second;
}

}  // namespace

std::optional<DomainKey> domain_key(std::string_view text) {
    if (text.empty()) return DomainKey{{}, false, true};
    if (text == "#") return DomainKey{};
    if (text.starts_with('.')) {
        const auto name = wire::Name::parse(text.substr(1));
        return name ? std::optional(DomainKey{name->lower(), false, false}) : std::nullopt;
    }
    const bool starred = text.starts_with('*'), below = text.starts_with("*.");
    const auto name = wire::Name::parse(text.substr(below ? 2 : starred ? 1 : 0));
    if (!name) return std::nullopt;
    return DomainKey{below ? below_key(name->lower()) : name->lower(), starred, false};
}

DomainLines plain_lines(const Rules& rules, const wire::Name& at) {
    return {find_in(rules.local->wildcards, at), find_in(rules.routes, at)};
}

DomainLines starred_lines(const Rules& rules, const wire::Name& key) {
    return {find_in(rules.local->starred, key), find_in(rules.starred_routes, key)};
}

wire::Name below_key(const wire::Name& parent) {
    wire::Name key = parent;
    // A name without room for two more bytes has no names below it.
    return key.prepend(below_label) ? key : wire::Name{};
}

wire::Name without_first_byte(const wire::Name& name) {
    const wire::Bytes wire = name.wire();
    std::vector<std::uint8_t> shorter(wire.begin() + 1, wire.end());
    shorter[0] = static_cast<std::uint8_t>(wire[0] - 1);
    return wire::Name::from_wire(shorter);
}

bool exists_locally(const Rules& rules, const wire::Name& lower) {
    const LocalData& local = *rules.local;
    if (is_known_locally(local, lower) || has_names_below(local, lower)) return true;
    bool exists = false, ends = false;
    const auto read = [&](const LocalWildcard* wildcard, const UpstreamGroup* route) {
        exists = wildcard && wildcard->has_addresses();
        return ends = exists || route || (wildcard && wildcard->nxdomain);
    };
    for_each_domain(rules, lower, [&](const wire::Name&, const DomainLines& place) { return read(place.wildcard, place.route); });
    if (!ends && has_one_label(lower)) read(local.dotless ? &*local.dotless : nullptr, rules.dotless ? &*rules.dotless : nullptr);
    if (!ends) {
        const DomainLines all = plain_lines(rules, wire::Name{});
        read(all.wildcard, all.route);
    }
    return exists;
}

}  // namespace lictor::rules
