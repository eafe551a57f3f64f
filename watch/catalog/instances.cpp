// Applies Consul's health filter, compares tags and chooses addresses.
#include "watch/catalog/instances.hpp"

#include <algorithm>
#include <string>

#include "watch/catalog/record_table.hpp"

namespace lictor::catalog {
namespace {

const HostText& choose(const HostText& plain, const TaggedAddresses& tagged, Family family, bool wan) {
    const HostText& v4 = wan && !tagged.wan_ipv4.empty() ? tagged.wan_ipv4 : tagged.lan_ipv4;
    const HostText& v6 = wan && !tagged.wan_ipv6.empty() ? tagged.wan_ipv6 : tagged.lan_ipv6;
    if (family != Family::v4 && !v6.empty()) return v6;
    if (family != Family::v6 && !v4.empty()) return v4;
    if (!wan) return plain;
    // The HTTP API has translated the address already, by another rule (as for ANY); the registered one is under `lan`.
    if (!tagged.wan.empty()) return tagged.wan;
    return tagged.lan.empty() ? plain : tagged.lan;
}

}  // namespace

bool is_usable(const Instance& instance, const ConsulSettings& settings) {
    return settings.only_passing ? instance.health == Health::passing : instance.health != Health::critical;
}

LeftOut left_out(const Instance& instance, std::string_view tag_lower, const ConsulSettings& settings) {
    if (!is_usable(instance, settings)) {
        if (instance.health != Health::critical) return LeftOut::warning;
        return instance.maintenance ? LeftOut::maintenance : instance.node_critical ? LeftOut::node_critical : LeftOut::critical;
    }
    return tag_lower.empty() || has_tag(instance, tag_lower) ? LeftOut::none : LeftOut::other_tag;
}

const char* words(LeftOut reason) {
    switch (reason) {
        case LeftOut::none: return "";
        case LeftOut::maintenance: return "in maintenance";
        case LeftOut::node_critical: return "its node is critical";
        case LeftOut::critical: return "a check is critical";
        case LeftOut::warning: return "a check is a warning, and only passing instances are answered";
        case LeftOut::other_tag: return "it does not have the tag";
    }
    return "";
}

bool has_tag(const Instance& instance, std::string_view tag_lower) {
    return std::ranges::any_of(instance.tags, [&](const std::string& tag) { return tag == tag_lower; });
}

bool has_tagged(const ServiceEntry& entry, std::string_view tag_lower) {
    if (entry.records) {
        const RecordTable::Row* row = entry.records->find(tag_lower);
        return row && row->registered > 0;
    }
    return std::ranges::any_of(entry.instances, [&](const Instance& instance) { return has_tag(instance, tag_lower); });
}

const HostText& service_address(const Instance& instance, Family family, bool wan) {
    return choose(instance.address, instance.tagged, family, wan);
}

const HostText& node_address(const NodeRecord& node, Family family, bool wan) { return choose(node.address, node.tagged, family, wan); }

const Instance* tagged_leader(const ServiceEntry& entry, const ConsulSettings& settings) {
    const Instance* first = nullptr;
    for (const Instance& instance : entry.instances) {
        if (!is_usable(instance, settings) || !(has_tag(instance, "master") || has_tag(instance, "primary"))) continue;
        const int order = first ? instance.node->name_lower.compare(first->node->name_lower) : -1;
        if (order < 0 || (order == 0 && instance.id < first->id)) first = &instance;
    }
    return first;
}

}  // namespace lictor::catalog
