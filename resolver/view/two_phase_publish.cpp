// Compares the leaders of Catalogs.
#include "resolver/view/two_phase_publish.hpp"

#include "resolver/view/leader_runtime.hpp"

namespace lictor::view {

bool leads_elsewhere(const catalog::Catalog& before, const catalog::LeaderEntry& a, const catalog::Catalog& after,
                     const catalog::LeaderEntry& b) {
    // While the keys cannot be read, the leader tag selects the address, which may differ from that in the keys.
    const auto by_tags = [](const catalog::LeaderEntry& entry) { return entry.state == catalog::LeaderState::unreadable; };
    if (by_tags(a) && by_tags(b)) {
        const auto then = answered_as(before, a), now = answered_as(after, b);
        return !then.empty() && !now.empty() && then != now;
    }
    if ((by_tags(a) && b.state == catalog::LeaderState::led) || (a.state == catalog::LeaderState::led && by_tags(b))) return true;
    // The node's address is answered only if the host is a name. With an IP it may become known while the leader stays.
    const bool same_node = a.host.ip || a.node_address == b.node_address;
    return a.state == catalog::LeaderState::led && b.state == catalog::LeaderState::led &&
           (!(a.host == b.host) || !same_node || a.port != b.port || a.member != b.member);
}

std::vector<std::string> conflicts(const catalog::Catalog& next, const std::vector<std::shared_ptr<const catalog::Catalog>>& in_use) {
    std::vector<std::string> found;
    for (const auto& [service, entry] : *next.leaders) {
        for (const auto& catalog : in_use) {
            const auto old = catalog->leaders->find(service);
            if (old == catalog->leaders->end() || !leads_elsewhere(*catalog, *old->second, next, *entry)) continue;
            found.push_back(service);
            break;
        }
    }
    return found;
}

std::shared_ptr<const catalog::Catalog> without_leaders(const catalog::Catalog& next, const std::vector<std::string>& services) {
    auto catalog = std::make_shared<catalog::Catalog>(next);
    auto leaders = std::make_shared<catalog::TableOf<catalog::LeaderEntry>>(*next.leaders);
    for (const auto& service : services) {
        auto entry = std::make_shared<catalog::LeaderEntry>(*leaders->at(service));
        entry->state = catalog::LeaderState::vacant;
        entry->reason = catalog::LeaderReason::other_owner;
        (*leaders)[service] = std::move(entry);
    }
    catalog->leaders = std::move(leaders);
    return catalog;
}

PublishStep next_step(const std::shared_ptr<const catalog::Catalog>& offered, const std::shared_ptr<const catalog::Catalog>& shown,
                      const std::vector<std::shared_ptr<const catalog::Catalog>>& in_use) {
    const auto moved = conflicts(*offered, in_use);
    if (moved.empty()) return {offered, true};
    // Publish a View without the old leaders first, and wait until every worker has taken it.
    return {conflicts(*offered, {shown}).empty() ? nullptr : without_leaders(*offered, moved), false};
}

}  // namespace lictor::view
