// "Below a domain" is kept under that domain with a label of one zero byte in front, which no name of a configuration has.
#include "resolver/core/domain_match.hpp"

#include <vector>

namespace lictor {
namespace {

constexpr std::string_view below_label("\0", 1);

template <class Table>
auto* find_in(const Table& table, const Name& name) {
    if (table.empty()) return static_cast<const typename Table::mapped_type*>(nullptr);
    const auto found = table.find(name);
    return found == table.end() ? nullptr : &found->second;
}

}  // namespace

std::optional<DomainKey> domain_key(std::string_view text) {
    if (text.empty()) return DomainKey{{}, false, true};
    if (text == "#") return DomainKey{};
    if (text.starts_with('.')) {
        const auto name = Name::parse(text.substr(1));
        return name ? std::optional(DomainKey{name->lower(), false, false}) : std::nullopt;
    }
    const bool starred = text.starts_with('*'), below = text.starts_with("*.");
    const auto name = Name::parse(text.substr(below ? 2 : starred ? 1 : 0));
    if (!name) return std::nullopt;
    return DomainKey{below ? below_key(name->lower()) : name->lower(), starred, false};
}

DomainPlace plain_place(const Rules& rules, const Name& at) { return {find_in(rules.local->wildcards, at), find_in(rules.routes, at)}; }

DomainPlace starred_place(const Rules& rules, const Name& key) { return {find_in(rules.local->starred, key), find_in(rules.starred_routes, key)}; }

Name below_key(const Name& parent) {
    Name key = parent;
    // A name that leaves no room for two bytes more has nothing below it.
    return key.prepend(below_label) ? key : Name{};
}

Name without_first_byte(const Name& name) {
    const Bytes wire = name.wire();
    std::vector<std::uint8_t> shorter(wire.begin() + 1, wire.end());
    shorter[0] = static_cast<std::uint8_t>(wire[0] - 1);
    return Name::from_wire(shorter);
}

}  // namespace lictor
