// Comparison of leaders between Catalogs.
#include "resolver/core/succession.hpp"

#include "resolver/core/leader_book.hpp"

namespace lictor {

bool leads_elsewhere(const Catalog& before, const LeaderEntry& a, const Catalog& after, const LeaderEntry& b) {
    // Where the keys are not readable the tags name an address, and it may be another one.
    const auto by_tags = [](const LeaderEntry& entry) { return entry.state == LeaderState::unreadable; };
    if (by_tags(a) && by_tags(b)) {
        const auto then = answered_as(before, a), now = answered_as(after, b);
        return !then.empty() && !now.empty() && then != now;
    }
    if ((by_tags(a) && b.state == LeaderState::led) || (a.state == LeaderState::led && by_tags(b))) return true;
    // The node's address is answered only where the host is a name; with an IP it is learned without anybody moving.
    const bool same_node = a.host.ip || a.node_address == b.node_address;
    return a.state == LeaderState::led && b.state == LeaderState::led &&
           (!(a.host == b.host) || !same_node || a.port != b.port || a.member != b.member);
}

std::vector<std::string> conflicts(const Catalog& next, const std::vector<std::shared_ptr<const Catalog>>& in_use) {
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

std::shared_ptr<const Catalog> without_leaders(const Catalog& next, const std::vector<std::string>& services) {
    auto catalog = std::make_shared<Catalog>(next);
    auto leaders = std::make_shared<TableOf<LeaderEntry>>(*next.leaders);
    for (const auto& service : services) {
        auto entry = std::make_shared<LeaderEntry>(*leaders->at(service));
        entry->state = LeaderState::vacant;
        entry->reason = LeaderReason::other_owner;
        (*leaders)[service] = std::move(entry);
    }
    catalog->leaders = std::move(leaders);
    return catalog;
}

Turn next_turn(const std::shared_ptr<const Catalog>& offered, const std::shared_ptr<const Catalog>& shown,
               const std::vector<std::shared_ptr<const Catalog>>& in_use) {
    const auto moved = conflicts(*offered, in_use);
    if (moved.empty()) return {offered, true};
    // The newest View must not name the old leaders any more; then every worker has to stand at it.
    return {conflicts(*offered, {shown}).empty() ? nullptr : without_leaders(*offered, moved), false};
}

}  // namespace lictor
