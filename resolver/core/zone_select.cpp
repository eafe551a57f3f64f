// Consul's choice of instances and addresses.
#include "resolver/core/zone_select.hpp"

#include <algorithm>
#include <unordered_set>

#include "resolver/wire/message.hpp"

namespace lictor {
namespace {

/// TaggedAddresses go before the plain address; for anything but A and AAAA IPv6 goes first. Translation replaces each by its WAN twin.
const HostText& choose(const HostText& plain, const TaggedAddresses& tagged, std::uint16_t type, bool wan) {
    const HostText& v4 = wan && !tagged.wan_ipv4.empty() ? tagged.wan_ipv4 : tagged.lan_ipv4;
    const HostText& v6 = wan && !tagged.wan_ipv6.empty() ? tagged.wan_ipv6 : tagged.lan_ipv6;
    if (type != rrtype::a && !v6.empty()) return v6;
    if (type != rrtype::aaaa && !v4.empty()) return v4;
    if (!wan) return plain;
    // What HTTP gives as the address is translated already, by another rule (as for ANY); the registered one is kept under `lan`.
    if (!tagged.wan.empty()) return tagged.wan;
    return tagged.lan.empty() ? plain : tagged.lan;
}

}  // namespace

bool is_usable(const Instance& instance, const ConsulSettings& settings) {
    return settings.only_passing ? instance.health == Health::passing : instance.health != Health::critical;
}

bool has_tag(const Instance& instance, std::string_view tag_lower) {
    return std::ranges::any_of(instance.tags, [&](const std::string& tag) { return tag == tag_lower; });
}

const Instance* tagged_leader(const ServiceEntry& entry, const ConsulSettings& settings) {
    const Instance* first = nullptr;
    for (const Instance& instance : entry.instances) {
        if (!is_usable(instance, settings) || !(has_tag(instance, "master") || has_tag(instance, "primary"))) continue;
        const int order = first ? instance.node->name_lower.compare(first->node->name_lower) : -1;
        if (order < 0 || (order == 0 && instance.id < first->id)) first = &instance;
    }
    return first;
}

void pick_instances(const ServiceEntry& entry, std::string_view tag_lower, const ConsulSettings& settings, Random& random, Picks& picks) {
    for (const Instance& instance : entry.instances)
        if (is_usable(instance, settings) && (tag_lower.empty() || has_tag(instance, tag_lower))) picks.push_back(&instance);
    const Instance** items = picks.begin();
    for (std::size_t left = picks.size(); left > 1; --left)
        std::swap(items[left - 1], items[random.below(static_cast<std::uint32_t>(left))]);
}

std::uint32_t service_ttl(const ConsulSettings& settings, std::string_view service_lower) {
    std::uint32_t ttl = 0;
    std::size_t longest = 0;  // prefix length and one
    for (const auto& [key, value] : settings.service_ttl) {
        if (key.ends_with('*')) {
            const auto prefix = std::string_view(key).substr(0, key.size() - 1);
            if (key.size() > longest && service_lower.starts_with(prefix)) {
                longest = key.size();
                ttl = value;
            }
        } else if (key == service_lower) {
            return value;
        }
    }
    return ttl;
}

bool serves(std::uint16_t type, const Address& address) {
    switch (type) {
        case rrtype::a:
            return !address.v6;
        case rrtype::aaaa:
            return address.v6;
        case rrtype::srv:
        case rrtype::any:
        case rrtype::ns:
        case rrtype::txt:
            return true;
        default:
            return false;
    }
}

const HostText& node_address(const NodeRecord& node, std::uint16_t type, bool wan) {
    return choose(node.address, node.tagged, type, wan);
}

const HostText& srv_address(const Instance& instance, bool wan) {
    return choose(instance.address, instance.tagged, rrtype::any, wan);
}

std::uint32_t srv_port(const Instance& instance, bool wan) {
    return wan && instance.tagged.wan_port ? instance.tagged.wan_port : instance.port;
}

Target target_of(const Instance& instance, std::uint16_t type, const Name& owner, bool wan) {
    using Kind = Target::Kind;
    const HostText& service = choose(instance.address, instance.tagged, type, wan);
    if (service.ip) return {Kind::address, &service};
    const HostText& node = node_address(*instance.node, type, wan);
    if (service.empty()) {
        if (node.empty()) return {};
        if (!node.ip) return {Kind::name, &node};
        // Over HTTP a translated node address stands where the registered one stood; the tag it was taken from tells. Agents tag the
        // registered address for the LAN, and for the WAN too unless told otherwise.
        const TaggedAddresses& tags = instance.node->tagged;
        const bool translated = wan && (&node == &tags.wan || &node == &tags.wan_ipv4 || &node == &tags.wan_ipv6);
        const bool registered = wan && !tags.lan.empty() ? node == tags.lan : translated ? node == tags.lan_ipv4 || node == tags.lan_ipv6 : node == instance.node->address;
        return {registered ? Kind::node : Kind::address, &node};
    }
    // A service whose address is its own name would send the client round in a circle.
    if (node.ip) {
        const auto name = Name::parse(service.text);
        if (name && *name == owner) return {Kind::node, &node};
    }
    return {Kind::name, &service};
}

void drop_repeated(Picks& picks, bool wan, std::size_t most) {
    struct Same {
        bool wan;
        bool operator()(const Instance* one, const Instance* other) const {
            return srv_port(*one, wan) == srv_port(*other, wan) && one->node->name == other->node->name && srv_address(*one, wan) == srv_address(*other, wan);
        }
    };
    struct Hash {
        bool wan;
        std::size_t operator()(const Instance* instance) const {
            const std::hash<std::string_view> hash;
            return hash(instance->node->name) * 31 + hash(srv_address(*instance, wan).text) + srv_port(*instance, wan);
        }
    };
    constexpr std::size_t few = 32;   // so many are compared with each other
    const Same same{wan};
    const Instance** const items = picks.begin();
    std::unordered_set<const Instance*, Hash, Same> seen(0, Hash{wan}, same);
    std::size_t kept = 0;
    for (std::size_t i = 0; i < picks.size() && kept < most; ++i) {
        if (kept == few && seen.empty()) {
            seen.reserve(std::min(most, picks.size()));
            seen.insert(items, items + kept);
        }
        const bool repeated = kept < few ? std::any_of(items, items + kept, [&](const Instance* other) { return same(other, items[i]); })
                                         : !seen.insert(items[i]).second;
        if (!repeated) items[kept++] = items[i];
    }
    picks.shrink(kept);
}

bool SeenAddresses::add(const Address& address) {
    if (far_.empty()) {
        for (const Address* seen : near_)
            if (*seen == address) return false;
        if (near_.size() < 64) {
            near_.push_back(&address);
            return true;
        }
        for (const Address* seen : near_) far_.insert(*seen);
    }
    return far_.insert(address).second;
}

}  // namespace lictor
