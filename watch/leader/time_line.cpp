// Records the times of one scope. Blocking queries coalesce: several facts may become known in one event, and some never.
#include "watch/leader/time_line.hpp"

#include <utility>

#include "watch/leader/member.hpp"

namespace lictor::leader {

void LeaderTimeLine::update(const Known& known, const catalog::LeaderEntry& before, const catalog::LeaderEntry& after, Now now) {
    note_announcement(known.facts, before, now);
    note_lock(known.facts, before, now);
    const bool was_answered = before.state == catalog::LeaderState::led, is_answered = after.state == catalog::LeaderState::led;
    if (was_answered && (!is_answered || after.member != before.member)) {
        // If the switchover request is cancelled, the withdrawal recorded for it is discarded.
        if (after.reason != catalog::LeaderReason::announced || !open_) begin(before);
        if (!times_.withdrawn) times_.withdrawn = now;
    } else if (!was_answered && is_answered && unannounced_) {
        times_.withdrawn.reset();  // still requested, but the old leader is answered again: that withdrawal does not count
    }
    note_promotion(known, now);
    note_old_tag(known, after, now);
    if (open_ && is_answered && held_ && (times_.withdrawn || times_.lock_taken)) {
        times_.new_member = after.member;
        times_.answerable = now;
        open_ = false;
    }
}

void LeaderTimeLine::begin(const catalog::LeaderEntry& before) {
    unannounced_.reset();
    if (std::exchange(open_, true)) return;
    catalog::LeaderTimes next;
    next.change = times_.change + 1;
    next.old_member = before.member;
    next.old_host = before.host;
    next.old_port = before.port;
    if (!tagged_.empty() && tagged_ == before.member) next.old_tag_gone = untagged_;
    times_ = std::move(next);
}

void LeaderTimeLine::note_announcement(const catalog::ScopeFacts& facts, const catalog::LeaderEntry& before, Now now) {
    const bool was = std::exchange(announced_, facts.failover_requested);
    if (facts.failover_requested && !was && before.state == catalog::LeaderState::led) {
        const auto so_far = times_;
        const bool fresh = !open_;
        begin(before);
        if (!times_.announced) times_.announced = now;
        if (fresh) unannounced_ = so_far;
    }
    // Cancelled: the new leader empties the key as well, but only after the lock has moved.
    if (!facts.failover_requested && was && unannounced_ && catalog::is_held(facts) && facts.leader_modify_index == lock_) {
        times_ = *std::exchange(unannounced_, std::nullopt);
        open_ = false;
    }
}

void LeaderTimeLine::note_lock(const catalog::ScopeFacts& facts, const catalog::LeaderEntry& before, Now now) {
    const bool held = catalog::is_held(facts);
    const bool same = held == held_ && facts.leader == holder_ && (!held || facts.leader_modify_index == lock_);
    if (same) return;
    const bool first =
        !held_ && times_.change == 0 && before.state != catalog::LeaderState::led;  // the first leader after the start is not a change
    if (held_ && !first) {
        begin(before);
        if (!times_.lock_gone) times_.lock_gone = now;
    }
    if (held && open_) {
        times_.lock_taken = now;
        times_.new_member = facts.leader;
        times_.promoted_by_kv = times_.promoted_by_probe = times_.promoted_by_tag = std::nullopt;
        unannounced_.reset();
    }
    held_ = held;
    holder_ = facts.leader;
    lock_ = held ? facts.leader_modify_index : 0;
}

void LeaderTimeLine::note_promotion(const Known& known, Now now) {
    if (!held_ || !times_.lock_taken || times_.new_member != holder_) return;
    const auto note = [now](std::optional<Now>& at, bool seen) {
        if (seen && !at) at = now;
    };
    const auto row = known.facts.members.find(holder_);
    const auto node = known.nodes.find(holder_);
    note(times_.promoted_by_probe, known.probed);
    note(times_.promoted_by_kv, row != known.facts.members.end() && is_running_primary(row->second));
    note(times_.promoted_by_tag, node != known.nodes.end() && catalog::shows_as_primary(node->second));
}

void LeaderTimeLine::note_old_tag(const Known& known, const catalog::LeaderEntry& after, Now now) {
    const auto shows = [&](const std::string& member) {
        const auto node = known.nodes.find(member);
        return node != known.nodes.end() && catalog::shows_as_primary(node->second);
    };
    if (!tagged_.empty() && !untagged_ && !shows(tagged_)) {
        untagged_ = now;
        if (times_.change != 0 && tagged_ == times_.old_member && times_.lock_gone && !times_.old_tag_gone) times_.old_tag_gone = now;
    }
    if (!tagged_.empty() && untagged_ && shows(tagged_) && after.member == tagged_ && after.state == catalog::LeaderState::led)
        untagged_.reset();
    // Once the old tag is gone, follow the tag of the member answered now.
    if (after.state == catalog::LeaderState::led && after.member != tagged_ && shows(after.member) && (tagged_.empty() || untagged_)) {
        tagged_ = after.member;
        untagged_.reset();
    }
}

}  // namespace lictor::leader
