// Which `address=` and `server=` lines apply to a name? Its domains are visited from the longest to the shortest (dnsmasq's longest match):
// `/example.com/` is a domain and all names below it, `/*example.com/` every name that ends in these letters, also within a label, and
// `/*.example.com/` only the names below. If a plain and a starred domain are equally long, the plain one is visited.
#pragma once

#include <string_view>

#include "resolver/rules/rules.hpp"

namespace lictor::rules {

/// The `address=` and `server=` lines of one domain; null if there is none. Owned by the Rules.
struct DomainLines {
    const LocalWildcard* wildcard = nullptr;
    const UpstreamGroup* route = nullptr;
    explicit operator bool() const { return wildcard || route; }
};

/// The key of a configured domain in the tables of Rules and LocalData.
struct DomainKey {
    wire::Name name;       ///< the root: all names
    bool starred = false;  ///< in the tables of starred domains
    bool dotless = false;  ///< `//`: names without dots, in no table
};
/// `text` as ServerRule and AddressRule keep it: "" for names without dots, "#" for all names, "*foo.example", "*.example", or a plain
/// name, which is preceded by a dot if it would otherwise be read as one of the former. Nothing if it is not a domain name.
std::optional<DomainKey> domain_key(std::string_view text);

/// True for names without dots, which `//` configures; false for the root.
inline bool has_one_label(const wire::Name& name) { return !name.is_root() && name.wire()[0] + 2u == name.size(); }

/// The lines of exactly this domain (lower case), without those of domains above it. `starred_lines` takes the key of a starred domain
/// (domain_key, below_key).
DomainLines plain_lines(const Rules& rules, const wire::Name& at);
DomainLines starred_lines(const Rules& rules, const wire::Name& key);
/// True if any starred domain is configured.
inline bool has_starred(const Rules& rules) { return !rules.starred_routes.empty() || !rules.local->starred.empty(); }
/// The key of `*.parent` in the tables of starred domains; the root, which no table has, if `parent` is too long to have names below it.
wire::Name below_key(const wire::Name& parent);
/// `name` without the first byte of its first label, which has at least two.
wire::Name without_first_byte(const wire::Name& name);

/// Calls visit(name, lines) for each domain of `lower` that has lines, except the root, until it returns true.
template <class Visit>
void for_each_domain(const Rules& rules, const wire::Name& lower, Visit visit) {
    const bool starred = has_starred(rules);
    for (wire::Name at = lower; !at.is_root(); at = at.parent()) {
        auto lines = plain_lines(rules, at);
        if (!lines && starred) lines = starred_lines(rules, at);
        if (lines && visit(at, lines)) return;
        if (!starred) continue;
        for (wire::Name end = at; end.wire()[0] > 1;) {
            end = without_first_byte(end);
            if (const auto inside = starred_lines(rules, end); inside && visit(end, inside)) return;
        }
        const wire::Name below = below_key(at.parent());
        if (const auto inside = starred_lines(rules, below); inside && visit(below, inside)) return;
    }
}

/// True if the name (lower case) exists because of local data: it has records, names below it, or an `address=` line with addresses
/// applies to it. Such a name is never NXDOMAIN, whatever an upstream replies (RFC 8020, RFC 4592).
bool exists_locally(const Rules& rules, const wire::Name& lower);

}  // namespace lictor::rules
