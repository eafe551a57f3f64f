// Reading signs out of verdicts.
#include "resolver/core/failover_signs.hpp"

#include <algorithm>

namespace lictor {
namespace {

bool shows_as_primary(const Catalog& catalog, const LeaderEntry& leader, const std::string& member) {
    const auto service = catalog.services->find(leader.service);
    if (service == catalog.services->end()) return false;
    const std::string id = leader.scope + '/' + member;
    return std::any_of(service->second->instances.begin(), service->second->instances.end(), [&](const Instance& instance) {
        return instance.id == id && instance.health != Health::critical &&
               std::any_of(instance.tags.begin(), instance.tags.end(), [](const auto& tag) { return tag == "master" || tag == "primary"; });
    });
}

bool says_primary(const LeaderEntry& leader, const std::string& member) {
    return std::any_of(leader.members.begin(), leader.members.end(), [&](const MemberRow& row) {
        return row.name == member && (row.role == "master" || row.role == "primary") && row.state == "running";
    });
}

/// The lock is known to be with nobody, or with another one.
bool lock_left(LeaderReason reason) {
    return reason == LeaderReason::lock_free || reason == LeaderReason::kept_grace || reason == LeaderReason::kept_pause ||
           reason == LeaderReason::grace_over || reason == LeaderReason::other_owner;
}

}  // namespace

void FailoverSigns::begin() {
    if (open_) return;
    open_ = true;
    const auto change = times_.change + 1;
    times_ = LeaderTimes{};
    times_.change = change;
    times_.old_member = member_;
}

void FailoverSigns::look(const Catalog& catalog, const LeaderEntry& leader, Now now) {
    const auto note = [now](std::optional<Now>& at, bool seen) {
        if (seen && !at) at = now;
    };
    const bool leads = leader.state == LeaderState::led;
    const bool another = leads && leader.member != member_;
    if (!member_.empty() && (another || (led_ && !leads) || lock_left(leader.reason))) begin();
    if (open_) {
        note(times_.lock_gone, lock_left(leader.reason) || another);
        note(times_.lock_taken, another || leader.reason == LeaderReason::other_owner || leader.reason == LeaderReason::holder_unconfirmed);
        note(times_.withdrawn, led_ && !leads);
    }
    if (leads) {
        times_.new_member = leader.member;
        if (open_ && leader.reason == LeaderReason::confirmed) {
            note(times_.lock_taken, true);
            times_.answerable = now;
            open_ = false;
        }
        member_ = leader.member;
    }
    led_ = leads;
    if (times_.change == 0 || times_.new_member == times_.old_member) return;
    if (!times_.new_member.empty()) {
        note(times_.promoted_by_kv, says_primary(leader, times_.new_member));
        note(times_.promoted_by_tag, shows_as_primary(catalog, leader, times_.new_member));
    }
    note(times_.old_tag_gone, !shows_as_primary(catalog, leader, times_.old_member));
}

}  // namespace lictor
