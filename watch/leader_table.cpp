// The decision table: what everything that is known of a scope means for the one address that may be answered. Rules, in this order: only
// the holder of the lock, or who was answered when the lock went, can be answered; the catalog can only withdraw it; its own record, or
// its REST API under the very same lock, must have said that it is primary.
#include <algorithm>

#include "watch/leader.hpp"
#include "watch/leader_member.hpp"

namespace lictor {
namespace {

/// What Patroni needs to find its session gone and take the lock again is one round of its loop; two seconds for the round itself.
constexpr seconds grace_slack{2};
/// A loop_wait beyond this is no reason to trust a free lock for longer.
constexpr seconds grace_max{300};
/// How long a switchover that was asked for is believed to be about to happen: a checkpoint of its PostgreSQL, then its end. Patroni takes a
/// request that it refuses back within milliseconds.
constexpr seconds announced_max{2};
/// Patroni says what it is within milliseconds of letting the lock go; who says primary for longer did not let go, somebody deleted the key.
constexpr seconds released_max{1};
/// A prefix that is gone for so long was removed, not re-created.
constexpr seconds forget_after{300};

/// Reasons for which an address was withdrawn; they stay the reason while nobody else takes the lock.
bool is_withdrawal(LeaderReason reason) {
    return reason == LeaderReason::demoted || reason == LeaderReason::stopping || reason == LeaderReason::node_failed ||
           reason == LeaderReason::grace_over || reason == LeaderReason::overtaken;
}

}  // namespace

std::optional<UnprovenHolder> LeaderFusion::unproven() const {
    if (!rule_.key.empty() || !read_ || denied_ || entry_.state != LeaderState::vacant || !is_held(facts_)) return std::nullopt;
    const MemberRow* row = row_of(facts_.leader);
    const MemberNode* node = node_of(facts_.leader);
    if (!row || !may_be_promoted(*row) || row->api_url.empty() || (node && node->node_critical)) return std::nullopt;
    return UnprovenHolder{rule_.scope, facts_.leader, row->api_url, facts_.leader_modify_index};
}

LeaderFusion::Decision LeaderFusion::judge(Moment at) {
    if (!rule_.key.empty()) return {LeaderState::vacant, read_ ? LeaderReason::lock_free : LeaderReason::not_read_yet};
    if (denied_) return {LeaderState::unreadable, LeaderReason::access_denied};
    if (!read_) return {LeaderState::loading, LeaderReason::not_read_yet};
    const Decision decision = is_held(facts_) ? judge_held(at) : judge_free(at);
    if (decision.state == LeaderState::led && is_announced(at)) return {LeaderState::vacant, LeaderReason::announced};
    if (decision.state == LeaderState::led) return without_contact(decision, at);
    return decision.state == LeaderState::vacant && !facts_.exists ? forget(decision, at) : decision;
}

/// Somebody holds the lock: nobody else is ever answered. The question is only whether the holder may be.
LeaderFusion::Decision LeaderFusion::judge_held(Moment at) {
    const std::string& holder = facts_.leader;
    const MemberRow* row = row_of(holder);
    const MemberNode* node = node_of(holder);
    const Reign reign = reign_now();
    const bool answered = entry_.state == LeaderState::led && entry_.member == holder;
    const bool located = locate(holder, row);

    if (row && row->role == "standby_leader") {
        confirmed_ = {};
        return {LeaderState::standby, LeaderReason::standby_cluster};
    }
    if (node && node->node_critical) return {LeaderState::vacant, LeaderReason::node_failed};
    if (row && located && is_running_primary(*row)) {
        confirmed_ = reign;
        probed_ = {};  // from here on the record counts alone
        was_running_ = true;
        return {LeaderState::led, LeaderReason::confirmed};
    }
    // Its PostgreSQL left recovery under this lock; Patroni writes the record a second or so later.
    if (row && located && may_be_promoted(*row) && probed_ == reign) {
        confirmed_ = reign;
        was_running_ = true;
        return {LeaderState::led, LeaderReason::confirmed_probe};
    }
    if (row && row->role != "demoted" && !is_stopping(*row) && comes_back(*row) && confirmed_ == reign && located) {
        was_running_ = false;
        probed_ = {};  // what was said before a crash says nothing after it
        return {LeaderState::led, LeaderReason::kept_restarting};
    }
    // Patroni deletes and puts a member's key again when it has a new session: a gap says nothing about the holder.
    if (!row && confirmed_ == reign && located) return {LeaderState::led, LeaderReason::confirmed};
    // The member that is answered took the lock anew, and its key is on the way.
    if (!row && answered && located) return keep_for_grace(at);

    confirmed_ = {};
    if (row && row->role == "demoted") return {LeaderState::vacant, LeaderReason::demoted};
    if (row && is_stopping(*row)) return {LeaderState::vacant, LeaderReason::stopping};
    if (facts_.standby_cluster) return {LeaderState::standby, LeaderReason::standby_cluster};
    const bool deposes = entry_.state == LeaderState::led || entry_.reason == LeaderReason::other_owner ||
                         entry_.reason == LeaderReason::announced || entry_.reason == LeaderReason::released;
    return {LeaderState::vacant, deposes && entry_.member != holder ? LeaderReason::other_owner : LeaderReason::holder_unconfirmed};
}

/// Nobody holds the lock: only who is answered at this moment can be, for a while.
LeaderFusion::Decision LeaderFusion::judge_free(Moment at) {
    confirmed_ = {};
    const bool handing_over = entry_.state == LeaderState::vacant && (entry_.reason == LeaderReason::announced || entry_.reason == LeaderReason::released);
    if (entry_.state != LeaderState::led && !(handing_over && has_let_go())) return judge_nobody();
    const std::string& member = entry_.member;
    const MemberRow* row = row_of(member);
    const MemberNode* node = node_of(member);
    locate(member, row);

    if (row && row->role == "demoted") return {LeaderState::vacant, LeaderReason::demoted};
    if (row && is_stopping(*row)) return {LeaderState::vacant, LeaderReason::stopping};
    if (node && node->node_critical) return {LeaderState::vacant, LeaderReason::node_failed};
    if (facts_.standby_cluster) return {LeaderState::standby, LeaderReason::standby_cluster};
    if (row ? !is_running_primary(*row) : !was_running_) return {LeaderState::vacant, LeaderReason::lock_free};
    if (is_overtaken(member)) return {LeaderState::vacant, LeaderReason::overtaken};
    // Asked to hand over, it will not come back without the lock, whichever session that hung on.
    const bool handed_over = row && facts_.failover_requested;
    if (handed_over || has_let_go()) {
        if (!released_at_) released_at_ = at.now;
        if (handed_over) return {LeaderState::vacant, LeaderReason::released};
        if (at.now < *released_at_ + released_max) {
            wake_at(*released_at_ + released_max);
            return {LeaderState::vacant, LeaderReason::released};
        }
    }
    if (facts_.pause) return {LeaderState::led, LeaderReason::kept_pause};
    // Patroni was silent already when its session ended: it died, and nobody is there to take the lock again. The same check failing
    // later means nothing: after a restart of the node's agent every check begins as critical.
    if (!row && !grace_until_ && node && node->service_critical) return {LeaderState::vacant, LeaderReason::lock_free};
    return keep_for_grace(at);
}

/// The end of a session takes lock and record away in one step. A record that hangs on the lock's session without the lock is Patroni's way of
/// letting go, before it writes into the record what it has become.
bool LeaderFusion::has_let_go() const {
    const MemberRow* row = row_of(entry_.member);
    return row && !lock_session_.empty() && row->session == lock_session_;
}

/// Asked to hand over, the holder lets its PostgreSQL end before it lets go of the lock: who connects now is refused or cut off.
bool LeaderFusion::is_announced(Moment at) {
    if (!announced_at_ || at.now >= *announced_at_ + announced_max) return false;
    wake_at(*announced_at_ + announced_max);
    return true;
}

/// Blocking queries skip states: the lock may have gone to another member and back to nobody unseen. Whoever was promoted meanwhile began
/// a new timeline, and the replicas that follow it say so.
bool LeaderFusion::is_overtaken(const std::string& member) const {
    if (!where_.timeline || where_.member != member) return false;
    return std::any_of(facts_.members.begin(), facts_.members.end(),
                       [&](const auto& each) { return each.first != member && each.second.timeline > where_.timeline; });
}

LeaderFusion::Decision LeaderFusion::judge_nobody() const {
    if (facts_.standby_cluster) return {LeaderState::standby, LeaderReason::standby_cluster};
    const bool still = entry_.state == LeaderState::vacant && is_withdrawal(entry_.reason);
    return {LeaderState::vacant, still ? entry_.reason : LeaderReason::lock_free};
}

LeaderFusion::Decision LeaderFusion::keep_for_grace(Moment at) {
    if (!grace_until_) grace_until_ = released_at_.value_or(at.now) + std::min(loop_wait_, grace_max - grace_slack) + grace_slack;
    if (at.now >= *grace_until_) return {LeaderState::vacant, LeaderReason::grace_over};
    wake_at(*grace_until_);
    return {LeaderState::led, LeaderReason::kept_grace};
}

/// Consul is away: what was true last stays the answer, but for a grace that runs out, and not beyond leader_max_stale.
LeaderFusion::Decision LeaderFusion::without_contact(Decision decision, Moment at) {
    if (!contact_lost_) return decision;
    if (max_stale_ > seconds{0}) {
        if (at.now >= lost_at_ + max_stale_) return {LeaderState::vacant, LeaderReason::stale_expired};
        wake_at(lost_at_ + max_stale_);
    }
    if (decision.reason != LeaderReason::kept_grace) decision.reason = LeaderReason::kept_outage;
    return decision;
}

/// The prefix is empty: after a while the name is an ordinary one again, unless the catalog still has instances.
LeaderFusion::Decision LeaderFusion::forget(Decision decision, Moment at) {
    const bool has_instances = std::any_of(nodes_.begin(), nodes_.end(), [](const auto& each) { return each.second.present; });
    if (!absent_since_ || has_instances || contact_lost_) return decision;
    if (at.now >= *absent_since_ + forget_after) return {LeaderState::gone, LeaderReason::scope_gone};
    wake_at(*absent_since_ + forget_after);
    return decision;
}

}  // namespace lictor
