// The decision table of LeaderFusion (leader.hpp): from all facts of a scope to the one address that may be answered. Rules, in this order:
// only the holder of the lock can be answered, or the member that was answered when the lock became free; the catalog can only withdraw
// it; its record, or its REST API under the same lock, must have reported primary.
#include <algorithm>

#include "watch/leader/leader.hpp"
#include "watch/leader/member.hpp"

namespace lictor::leader {
namespace {

/// Patroni finds its session gone and takes the lock again within one round of its loop; the round itself takes up to two seconds.
constexpr seconds grace_slack{2};
/// Bound of the grace period, for a large loop_wait.
constexpr seconds grace_max{300};
/// How long a requested switchover withdraws the leader: Patroni runs a checkpoint, then stops PostgreSQL. It cancels a request that it
/// refuses within milliseconds.
constexpr seconds announced_max{2};
/// Patroni writes its new role within milliseconds of releasing the lock. A member that still shows primary after this did not release it:
/// another program deleted the key.
constexpr seconds released_max{1};
/// A prefix without keys for this long counts as removed.
constexpr seconds gone_after{300};

/// True for a reason that withdraws the address. It stays the reason until another member takes the lock.
bool is_withdrawal(catalog::LeaderReason reason) {
    return reason == catalog::LeaderReason::demoted || reason == catalog::LeaderReason::stopping ||
           reason == catalog::LeaderReason::node_failed || reason == catalog::LeaderReason::grace_over ||
           reason == catalog::LeaderReason::overtaken;
}

}  // namespace

std::optional<UnconfirmedHolder> LeaderFusion::unconfirmed_holder() const {
    if (!read_ || denied_ || entry_.state != catalog::LeaderState::vacant || !catalog::is_held(facts_)) return std::nullopt;
    const catalog::MemberRow* row = row_of(facts_.leader);
    const catalog::MemberNode* node = node_of(facts_.leader);
    if (!row || !may_be_promoted(*row) || row->api_url.empty() || (node && node->node_critical)) return std::nullopt;
    return UnconfirmedHolder{rule_.scope, facts_.leader, row->api_url, facts_.leader_modify_index};
}

LeaderFusion::Decision LeaderFusion::judge(Moment at) {
    if (denied_) return {catalog::LeaderState::unreadable, catalog::LeaderReason::access_denied};
    if (!read_) return {catalog::LeaderState::loading, catalog::LeaderReason::not_read_yet};
    const Decision decision = catalog::is_held(facts_) ? judge_held(at) : judge_free(at);
    if (decision.state == catalog::LeaderState::led && is_announced(at))
        return {catalog::LeaderState::vacant, catalog::LeaderReason::announced};
    if (decision.state == catalog::LeaderState::led) return without_contact(decision, at);
    return decision.state == catalog::LeaderState::vacant && !facts_.exists ? without_keys(decision, at) : decision;
}

/// The lock is held: only the holder may be answered, and only as a primary.
LeaderFusion::Decision LeaderFusion::judge_held(Moment at) {
    const std::string& holder = facts_.leader;
    const catalog::MemberRow* row = row_of(holder);
    const catalog::MemberNode* node = node_of(holder);
    const Holding current = holding();
    const bool answered = entry_.state == catalog::LeaderState::led && entry_.member == holder;
    const bool located = locate(holder, row);

    if (row && row->role == "standby_leader") {
        confirmed_ = {};
        return {catalog::LeaderState::standby, catalog::LeaderReason::standby_cluster};
    }
    if (node && node->node_critical) return {catalog::LeaderState::vacant, catalog::LeaderReason::node_failed};
    if (row && located && is_running_primary(*row)) {
        confirmed_ = current;
        probed_ = {};  // from now on only the record counts
        was_running_ = true;
        return {catalog::LeaderState::led, catalog::LeaderReason::confirmed};
    }
    // PostgreSQL left recovery under this lock; Patroni writes the record about a second later.
    if (row && located && may_be_promoted(*row) && probed_ == current) {
        confirmed_ = current;
        was_running_ = true;
        return {catalog::LeaderState::led, catalog::LeaderReason::confirmed_probe};
    }
    if (row && row->role != "demoted" && !is_stopping(*row) && is_restarting(*row) && confirmed_ == current && located) {
        was_running_ = false;
        probed_ = {};  // a probe from before a crash is void
        return {catalog::LeaderState::led, catalog::LeaderReason::kept_restarting};
    }
    // Patroni deletes and writes a member's key again with each new session: a missing record changes nothing.
    if (!row && confirmed_ == current && located) return {catalog::LeaderState::led, catalog::LeaderReason::confirmed};
    // The answered member took the lock again, and its record is not written yet.
    if (!row && answered && located) return keep_for_grace(at);

    confirmed_ = {};
    if (row && row->role == "demoted") return {catalog::LeaderState::vacant, catalog::LeaderReason::demoted};
    if (row && is_stopping(*row)) return {catalog::LeaderState::vacant, catalog::LeaderReason::stopping};
    if (facts_.standby_cluster) return {catalog::LeaderState::standby, catalog::LeaderReason::standby_cluster};
    const bool deposes = entry_.state == catalog::LeaderState::led || entry_.reason == catalog::LeaderReason::other_owner ||
                         entry_.reason == catalog::LeaderReason::announced || entry_.reason == catalog::LeaderReason::released;
    if (deposes && entry_.member != holder) return {catalog::LeaderState::vacant, catalog::LeaderReason::other_owner};
    // Only an unknown address keeps a running primary that holds the lock from being answered.
    return {catalog::LeaderState::vacant,
            row && is_running_primary(*row) ? catalog::LeaderReason::address_unknown : catalog::LeaderReason::holder_unconfirmed};
}

/// The lock is free: only the member that is answered now may be kept, for the grace period.
LeaderFusion::Decision LeaderFusion::judge_free(Moment at) {
    confirmed_ = {};
    const bool handing_over = entry_.state == catalog::LeaderState::vacant &&
                              (entry_.reason == catalog::LeaderReason::announced || entry_.reason == catalog::LeaderReason::released);
    if (entry_.state != catalog::LeaderState::led && !(handing_over && has_released())) return judge_vacant();
    const std::string& member = entry_.member;
    const catalog::MemberRow* row = row_of(member);
    const catalog::MemberNode* node = node_of(member);
    locate(member, row);

    if (row && row->role == "demoted") return {catalog::LeaderState::vacant, catalog::LeaderReason::demoted};
    if (row && is_stopping(*row)) return {catalog::LeaderState::vacant, catalog::LeaderReason::stopping};
    if (node && node->node_critical) return {catalog::LeaderState::vacant, catalog::LeaderReason::node_failed};
    if (facts_.standby_cluster) return {catalog::LeaderState::standby, catalog::LeaderReason::standby_cluster};
    if (row ? !is_running_primary(*row) : !was_running_) return {catalog::LeaderState::vacant, catalog::LeaderReason::lock_free};
    if (is_overtaken(member)) return {catalog::LeaderState::vacant, catalog::LeaderReason::overtaken};
    // After a switchover request the member does not take the lock again, whatever its session.
    const bool handed_over = row && facts_.failover_requested;
    if (handed_over || has_released()) {
        if (!released_at_) released_at_ = at.now;
        if (handed_over) return {catalog::LeaderState::vacant, catalog::LeaderReason::released};
        if (at.now < *released_at_ + released_max) {
            wake_at(*released_at_ + released_max);
            return {catalog::LeaderState::vacant, catalog::LeaderReason::released};
        }
    }
    if (facts_.pause) return {catalog::LeaderState::led, catalog::LeaderReason::kept_pause};
    // Patroni did not respond before its session ended: the process has ended and cannot take the lock again. A check that fails later is
    // no evidence: after a restart of the node's agent every check begins as critical.
    if (!row && !grace_until_ && node && node->service_critical) return {catalog::LeaderState::vacant, catalog::LeaderReason::lock_free};
    return keep_for_grace(at);
}

/// When a session ends, lock and record are deleted in one step. A record with the lock's session but without the lock means that Patroni
/// released the lock; it writes its new role next.
bool LeaderFusion::has_released() const {
    const catalog::MemberRow* row = row_of(entry_.member);
    return row && !lock_session_.empty() && row->session == lock_session_;
}

/// After a switchover request the holder stops PostgreSQL before it releases the lock: a client that connects now is refused or cut off.
bool LeaderFusion::is_announced(Moment at) {
    if (!announced_at_ || at.now >= *announced_at_ + announced_max) return false;
    wake_at(*announced_at_ + announced_max);
    return true;
}

/// Blocking queries skip states: another member may have held the lock unseen. Its promotion began a new timeline, which its replicas
/// show.
bool LeaderFusion::is_overtaken(const std::string& member) const {
    if (!where_.timeline || where_.member != member) return false;
    return std::any_of(facts_.members.begin(), facts_.members.end(),
                       [&](const auto& each) { return each.first != member && each.second.timeline > where_.timeline; });
}

LeaderFusion::Decision LeaderFusion::judge_vacant() const {
    if (facts_.standby_cluster) return {catalog::LeaderState::standby, catalog::LeaderReason::standby_cluster};
    const bool still = entry_.state == catalog::LeaderState::vacant && is_withdrawal(entry_.reason);
    return {catalog::LeaderState::vacant, still ? entry_.reason : catalog::LeaderReason::lock_free};
}

LeaderFusion::Decision LeaderFusion::keep_for_grace(Moment at) {
    if (!grace_until_) grace_until_ = released_at_.value_or(at.now) + std::min(loop_wait_, grace_max - grace_slack) + grace_slack;
    if (at.now >= *grace_until_) return {catalog::LeaderState::vacant, catalog::LeaderReason::grace_over};
    wake_at(*grace_until_);
    return {catalog::LeaderState::led, catalog::LeaderReason::kept_grace};
}

/// Without contact the last leader is answered until leader_max_stale; a grace period still ends.
LeaderFusion::Decision LeaderFusion::without_contact(Decision decision, Moment at) {
    if (!outage_.lost()) return decision;
    if (const auto end = outage_.ends()) {
        if (at.now >= *end) return {catalog::LeaderState::vacant, catalog::LeaderReason::stale_expired};
        wake_at(*end);
    }
    if (decision.reason != catalog::LeaderReason::kept_grace) decision.reason = catalog::LeaderReason::kept_outage;
    return decision;
}

/// The prefix is empty. After a while the name of a discovered scope is ordinary again, unless the catalog has instances. A configured
/// scope stays vacant: its name never becomes NXDOMAIN.
LeaderFusion::Decision LeaderFusion::without_keys(Decision decision, Moment at) {
    if (decision.reason == catalog::LeaderReason::lock_free) decision.reason = catalog::LeaderReason::no_keys;
    const bool has_instances = std::any_of(nodes_.begin(), nodes_.end(), [](const auto& each) { return each.second.present; });
    if (!absent_since_ || has_instances || outage_.lost()) return decision;
    if (at.now >= *absent_since_ + gone_after) {
        if (origin_ == Origin::discovered) return {catalog::LeaderState::gone, catalog::LeaderReason::scope_gone};
        return {catalog::LeaderState::vacant, catalog::LeaderReason::no_keys};
    }
    wake_at(*absent_since_ + gone_after);
    return decision;
}

}  // namespace lictor::leader
