// What does the configuration say of the domains that a name lies in? Visited from the longest to the shortest, as dnsmasq's longest
// match has it: `/example.com/` is a domain and all below it, `/*example.com/` every name that ends so, also within a label, and
// `/*.example.com/` the names below alone. Where a plain domain and one with a star are equally long, the plain one counts.
#pragma once

#include <string_view>

#include "resolver/core/rules.hpp"

namespace lictor {

/// `address=` and `server=` of one domain; either may be missing.
struct DomainPlace {
    const LocalWildcard* wildcard = nullptr;
    const UpstreamGroup* route = nullptr;
    explicit operator bool() const { return wildcard || route; }
};

/// A domain of a configuration line as the tables have it: where it stands, and whether in the tables of stars.
struct DomainKey {
    Name name;              ///< the root: every name
    bool starred = false;
    bool dotless = false;   ///< `//`: names without dots
};
/// `text` as ServerRule and AddressRule keep it: "" for names without dots, "#", "*foo.example", "*.example", a plain
/// name, or one behind a dot where its first label is called as a sign.
std::optional<DomainKey> domain_key(std::string_view text);

inline bool has_one_label(const Name& name) { return !name.is_root() && name.wire()[0] + 2u == name.size(); }

DomainPlace plain_place(const Rules& rules, const Name& at);
DomainPlace starred_place(const Rules& rules, const Name& key);
inline bool has_starred(const Rules& rules) { return !rules.starred_routes.empty() || !rules.local->starred.empty(); }
/// The key of "below `parent`" in the tables of stars.
Name below_key(const Name& parent);
/// `name` less the first byte of its first label, which has two at least.
Name without_first_byte(const Name& name);

/// visit(name, place) for each domain, the root excepted, until it returns true.
template <class Visit>
void for_each_domain(const Rules& rules, const Name& lower, Visit visit) {
    const bool starred = has_starred(rules);
    for (Name at = lower; !at.is_root(); at = at.parent()) {
        auto place = plain_place(rules, at);
        if (!place && starred) place = starred_place(rules, at);
        if (place && visit(at, place)) return;
        if (!starred) continue;
        for (Name end = at; end.wire()[0] > 1;) {
            end = without_first_byte(end);
            if (const auto inside = starred_place(rules, end); inside && visit(end, inside)) return;
        }
        const Name below = below_key(at.parent());
        if (const auto inside = starred_place(rules, below); inside && visit(below, inside)) return;
    }
}

}  // namespace lictor
