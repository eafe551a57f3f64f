// Compares the leaders behind the aliases with those of the last View.
#include "resolver/view/soa_zones.hpp"

#include "resolver/rules/rules.hpp"

namespace lictor::view {
namespace {

/// A zone without its serial.
SoaZone look(const rules::AliasZone& rule, const LeaderBehind& leader_behind) {
    SoaZone zone{.serial = 0, .targets = rule.targets, .leaders = {}, .usages = {}};
    for (const wire::Name& target : zone.targets) {
        const RuntimeEntry* leader = leader_behind(target);
        zone.leaders.push_back(leader ? leader->serial : 0);
        if (leader) zone.usages.push_back(leader->usage);
    }
    return zone;
}

}  // namespace

std::shared_ptr<const SoaZones> next_soa_zones(const std::shared_ptr<const SoaZones>& previous, const rules::Rules& rules,
                                               const LeaderBehind& leader_behind, std::int64_t unix_seconds, const SoaMarks& marks) {
    if (rules.alias_zones.empty()) return nullptr;
    auto next = std::make_shared<SoaZones>();
    bool same = previous && previous->by_name.size() == rules.alias_zones.size();
    for (const rules::AliasZone& rule : rules.alias_zones) {
        SoaZone zone = look(rule, leader_behind);
        const SoaZone* old = nullptr;
        if (previous)
            if (const auto found = previous->by_name.find(rule.name); found != previous->by_name.end()) old = &found->second;
        if (old && old->targets == zone.targets && old->leaders == zone.leaders) {
            zone.serial = old->serial;
            same = same && old->usages == zone.usages;
        } else {
            const auto mark = marks.find(rule.name.text());
            zone.serial = next_serial(old ? old->serial : mark == marks.end() ? 0 : mark->second, unix_seconds);
            same = false;
        }
        next->by_name.emplace(rule.name, std::move(zone));
    }
    if (same) return previous;
    return next;
}

SoaMarks marks_of(const SoaZones& zones) {
    SoaMarks marks;
    for (const auto& [name, zone] : zones.by_name) marks[name.text()] = zone.serial;
    return marks;
}

}  // namespace lictor::view
