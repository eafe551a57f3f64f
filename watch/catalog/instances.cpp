// Applies Consul's health filter and compares tags.
#include "watch/catalog/instances.hpp"

#include <algorithm>
#include <string>

namespace lictor::catalog {

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
