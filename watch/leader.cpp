// What the fusion keeps of each event, and what changes for those who ask when everything has been judged again.
#include "watch/leader.hpp"

#include <algorithm>
#include <utility>

#include "conf/leader_name.hpp"
#include "watch/leader_member.hpp"

namespace lictor {

LeaderFusion::LeaderFusion(LeaderRule rule) : rule_(std::move(rule)) {
    entry_.scope = rule_.scope;
    entry_.service = service_of(rule_);
    // A plain lock has no members whose role could confirm a holder: nobody is answered for it.
    if (!rule_.key.empty()) entry_.state = LeaderState::vacant;
}

// ---- events

bool LeaderFusion::is_older(const ScopeFacts& facts) const {
    if (facts.index != 0 && facts.index != index_) return facts.index < index_;
    const std::uint64_t lock = facts.leader_modify_index;
    if (lock == 0) return false;
    return lock < lock_seen_ || (lock == lock_seen_ && lock_ended_ && is_held(facts));
}

/// The request for a switchover counts from when it appears under the reign that it is to end: the winner empties the key only after it
/// took the lock, and one that nobody empties announces nothing.
void LeaderFusion::note_handover(const ScopeFacts& next, Now now) {
    const bool same_reign = is_held(next) && is_held(facts_) && next.leader_modify_index == facts_.leader_modify_index;
    if (!next.failover_requested || !same_reign)
        announced_at_.reset();
    else if (!facts_.failover_requested)
        announced_at_ = now;
    if (!is_held(next)) return;
    released_at_.reset();
    lock_session_ = next.leader_session;
}

void LeaderFusion::on_scope(const ScopeFacts& facts, Moment at) {
    if (facts.denied) {
        denied_ = true;
        return decide(at);
    }
    if (is_older(facts)) return;
    note_handover(facts, at.now);
    facts_ = facts;
    read_ = true;
    denied_ = false;
    lost_at_ = at.now;
    index_ = std::max(index_, facts.index);
    if (facts.leader_modify_index != 0) lock_seen_ = facts.leader_modify_index;
    lock_ended_ = !is_held(facts);
    if (facts.loop_wait) loop_wait_ = seconds(*facts.loop_wait);
    if (facts.exists)
        absent_since_.reset();
    else if (!absent_since_)
        absent_since_ = at.now;
    decide(at);
}

void LeaderFusion::on_same(Moment at) {
    denied_ = false;
    lost_at_ = at.now;
    decide(at);
}

void LeaderFusion::on_index_reset() {
    index_ = 0;
    lock_seen_ = 0;
    lock_ended_ = false;
}

bool LeaderFusion::on_probe(const UnprovenHolder& holder, Moment at) {
    if (!read_ || !is_held(facts_) || facts_.leader != holder.member || facts_.leader_modify_index != holder.lock_index) return false;
    probed_ = reign_now();
    decide(at);
    return true;
}

void LeaderFusion::on_nodes(std::map<std::string, MemberNode> nodes, Moment at) {
    nodes_ = std::move(nodes);
    decide(at);
}

void LeaderFusion::on_contact(bool lost, Moment at, seconds leader_max_stale) {
    if (lost && !contact_lost_) lost_at_ = at.now;
    contact_lost_ = lost;
    max_stale_ = leader_max_stale;
    decide(at);
}

void LeaderFusion::on_time(Moment at) {
    decide(at);
}

void LeaderFusion::decide(Moment at) {
    deadline_.reset();
    const Decision decision = judge(at);
    if (decision.reason != LeaderReason::kept_grace) grace_until_.reset();
    const LeaderEntry before = entry_;
    publish(decision, at);
    if (!read_) return;
    chronicle_.look({facts_, nodes_, probed_ == reign_now() && is_held(facts_)}, before, entry_, at.now);
    entry_.times = chronicle_.times();
}

// ---- publishing

void LeaderFusion::publish(const Decision& decision, Moment at) {
    LeaderEntry next = entry_;
    next.state = decision.state;
    next.reason = decision.reason;
    next.members.clear();
    for (const auto& [name, row] : facts_.members) next.members.push_back(row);
    next.holder = facts_.leader;
    next.host = next.node_address = HostText{};
    next.port = 0;
    if (decision.state == LeaderState::led) {
        next.member = where_.member;
        next.host = where_.host;
        next.node_address = where_.node_address;
        next.port = where_.port;
        next.timeline = where_.timeline;
        if (is_held(facts_)) next.lock_index = facts_.leader_modify_index;
    }
    const bool changed = next.state != entry_.state || next.member != entry_.member || next.host != entry_.host ||
                         next.port != entry_.port || (!next.host.ip && next.node_address != entry_.node_address);
    if (changed) {
        ++next.version;
        next.since = at.now;
        next.since_unix = at.unix_seconds;
    }
    entry_ = std::move(next);
}

/// Learns where a member is; what is not told now stays as last told of the same member. False: no address is known.
bool LeaderFusion::locate(const std::string& member, const MemberRow* row) {
    if (where_.member != member) {
        where_ = Where{};
        where_.member = member;
    }
    const MemberNode* node = node_of(member);
    if (node && !node->present) node = nullptr;
    if (node && !node->node_address.empty()) where_.node_address = node->node_address;
    if (row && row->timeline) where_.timeline = row->timeline;
    switch (rule_.source) {
        case LeaderRule::Source::kv:
            if (row && !row->host.empty()) {
                where_.host = row->host;
                where_.port = row->port;
            }
            break;
        case LeaderRule::Source::service:
            if (node) {
                where_.host = node->service_address.empty() ? node->node_address : node->service_address;
                where_.port = node->port;
            }
            break;
        case LeaderRule::Source::node:
            if (node) {
                where_.host = node->node_address;
                where_.port = node->port;
            }
            break;
    }
    if (rule_.port != 0) where_.port = rule_.port;
    return !where_.host.empty();
}

const MemberRow* LeaderFusion::row_of(const std::string& member) const {
    const auto found = facts_.members.find(member);
    return found == facts_.members.end() ? nullptr : &found->second;
}

const MemberNode* LeaderFusion::node_of(const std::string& member) const {
    const auto found = nodes_.find(member);
    return found == nodes_.end() ? nullptr : &found->second;
}

void LeaderFusion::wake_at(Now when) {
    deadline_ = deadline_ ? std::min(*deadline_, when) : when;
}

}  // namespace lictor
