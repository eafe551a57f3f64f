// The chronicle of one scope. Blocking queries coalesce, so that several facts may become known in one event and some never.
#include "watch/leader_times.hpp"

#include <utility>

#include "watch/leader_member.hpp"

namespace lictor {

void LeaderChronicle::look(const Known& known, const LeaderEntry& before, const LeaderEntry& after, Now now) {
    look_at_announcement(known.facts, before, now);
    look_at_lock(known.facts, before, now);
    const bool was_answered = before.state == LeaderState::led, is_answered = after.state == LeaderState::led;
    if (was_answered && (!is_answered || after.member != before.member)) {
        // What is withdrawn for a request goes with it, if that is taken back.
        if (after.reason != LeaderReason::announced || !open_) begin(before);
        if (!times_.withdrawn) times_.withdrawn = now;
    } else if (!was_answered && is_answered && unannounced_) {
        times_.withdrawn.reset();  // the request stands, and nothing came of it so far
    }
    look_at_promotion(known, now);
    look_at_old_tag(known, after, now);
    if (open_ && is_answered && held_ && (times_.withdrawn || times_.lock_taken)) {
        times_.new_member = after.member;
        times_.answerable = now;
        open_ = false;
    }
}

void LeaderChronicle::begin(const LeaderEntry& before) {
    unannounced_.reset();
    if (std::exchange(open_, true)) return;
    LeaderTimes next;
    next.change = times_.change + 1;
    next.old_member = before.member;
    next.old_host = before.host;
    next.old_port = before.port;
    if (!tagged_.empty() && tagged_ == before.member) next.old_tag_gone = untagged_;
    times_ = std::move(next);
}

void LeaderChronicle::look_at_announcement(const ScopeFacts& facts, const LeaderEntry& before, Now now) {
    const bool was = std::exchange(announced_, facts.failover_requested);
    if (facts.failover_requested && !was && before.state == LeaderState::led) {
        const auto so_far = times_;
        const bool fresh = !open_;
        begin(before);
        if (!times_.announced) times_.announced = now;
        if (fresh) unannounced_ = so_far;
    }
    // Taken back: the winner empties the key too, but only after the lock has moved.
    if (!facts.failover_requested && was && unannounced_ && is_held(facts) && facts.leader_modify_index == lock_) {
        times_ = *std::exchange(unannounced_, std::nullopt);
        open_ = false;
    }
}

void LeaderChronicle::look_at_lock(const ScopeFacts& facts, const LeaderEntry& before, Now now) {
    const bool held = is_held(facts);
    const bool same = held == held_ && facts.leader == holder_ && (!held || facts.leader_modify_index == lock_);
    if (same) return;
    const bool first = !held_ && times_.change == 0 && before.state != LeaderState::led;  // the first leader since the start is no change
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

void LeaderChronicle::look_at_promotion(const Known& known, Now now) {
    if (!held_ || !times_.lock_taken || times_.new_member != holder_) return;
    const auto note = [now](std::optional<Now>& at, bool seen) {
        if (seen && !at) at = now;
    };
    const auto row = known.facts.members.find(holder_);
    const auto node = known.nodes.find(holder_);
    note(times_.promoted_by_probe, known.probed);
    note(times_.promoted_by_kv, row != known.facts.members.end() && is_running_primary(row->second));
    note(times_.promoted_by_tag, node != known.nodes.end() && shows_as_primary(node->second));
}

void LeaderChronicle::look_at_old_tag(const Known& known, const LeaderEntry& after, Now now) {
    const auto shows = [&](const std::string& member) {
        const auto node = known.nodes.find(member);
        return node != known.nodes.end() && shows_as_primary(node->second);
    };
    if (!tagged_.empty() && !untagged_ && !shows(tagged_)) {
        untagged_ = now;
        if (times_.change != 0 && tagged_ == times_.old_member && times_.lock_gone && !times_.old_tag_gone) times_.old_tag_gone = now;
    }
    if (!tagged_.empty() && untagged_ && shows(tagged_) && after.member == tagged_ && after.state == LeaderState::led) untagged_.reset();
    // The next one to be watched: who is answered now, once the old one's tag is gone.
    if (after.state == LeaderState::led && after.member != tagged_ && shows(after.member) && (tagged_.empty() || untagged_)) {
        tagged_ = after.member;
        untagged_.reset();
    }
}

}  // namespace lictor
