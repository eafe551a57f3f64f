// Implements the events of LeaderFusion. Each stores its facts; then all facts are judged again and the verdict is updated.
#include "watch/leader/leader.hpp"

#include <algorithm>
#include <utility>

#include "conf/values/leader_name.hpp"
#include "watch/leader/member.hpp"

namespace lictor::leader {

LeaderFusion::LeaderFusion(conf::LeaderRule rule, Origin origin) : rule_(std::move(rule)), origin_(origin) {
    entry_.scope = rule_.scope;
    entry_.service = conf::service_of(rule_);
    entry_.name_space = rule_.name_space;
    entry_.keys = conf::keys_of(rule_);
    entry_.discovered = origin == Origin::discovered;
}

// ---- events

bool LeaderFusion::is_older(const catalog::ScopeFacts& facts) const {
    if (facts.index != 0 && facts.index != index_) return facts.index < index_;
    const std::uint64_t lock = facts.leader_modify_index;
    if (lock == 0) return false;
    return lock < lock_seen_ || (lock == lock_seen_ && lock_ended_ && catalog::is_held(facts));
}

/// A switchover request counts only for the holding of the lock in which it appeared. The new leader empties the `failover` key after it
/// took the lock; a request that is still in the key must not withdraw the new leader.
void LeaderFusion::note_handover(const catalog::ScopeFacts& next, Now now) {
    const bool same_holding = catalog::is_held(next) && catalog::is_held(facts_) && next.leader_modify_index == facts_.leader_modify_index;
    if (!next.failover_requested || !same_holding) announced_at_.reset();
    else if (!facts_.failover_requested) announced_at_ = now;
    if (!catalog::is_held(next)) return;
    released_at_.reset();
    lock_session_ = next.leader_session;
}

void LeaderFusion::on_scope(const catalog::ScopeFacts& facts, Moment at) {
    if (facts.denied) {
        denied_ = true;
        decide(at);
        return;
    }
    if (is_older(facts)) return;
    note_handover(facts, at.now);
    facts_ = facts;
    read_ = true;
    denied_ = false;
    outage_.on_read(at.now);
    index_ = std::max(index_, facts.index);
    if (facts.leader_modify_index != 0) lock_seen_ = facts.leader_modify_index;
    lock_ended_ = !catalog::is_held(facts);
    if (facts.loop_wait) loop_wait_ = seconds(*facts.loop_wait);
    if (facts.exists) absent_since_.reset();
    else if (!absent_since_) absent_since_ = at.now;
    decide(at);
}

void LeaderFusion::on_same(Moment at) {
    denied_ = false;
    outage_.on_read(at.now);
    decide(at);
}

void LeaderFusion::on_index_reset() {
    index_ = 0;
    lock_seen_ = 0;
    lock_ended_ = false;
}

void LeaderFusion::on_probe(const UnconfirmedHolder& holder, Moment at) {
    if (!read_ || !catalog::is_held(facts_) || facts_.leader != holder.member || facts_.leader_modify_index != holder.lock_index) return;
    probed_ = holding();
    decide(at);
}

void LeaderFusion::on_nodes(std::map<std::string, catalog::MemberNode> nodes, Moment at) {
    nodes_ = std::move(nodes);
    decide(at);
}

void LeaderFusion::on_contact(ConsulContact contact, Moment at, seconds leader_max_stale) {
    outage_.on_contact(contact, at.now, leader_max_stale);
    decide(at);
}

void LeaderFusion::on_time(Moment at) { decide(at); }

void LeaderFusion::decide(Moment at) {
    deadline_.reset();
    const Decision decision = judge(at);
    if (decision.reason != catalog::LeaderReason::kept_grace) grace_until_.reset();
    const catalog::LeaderEntry before = entry_;
    publish(decision, at);
    if (!read_) return;
    time_line_.update({facts_, nodes_, probed_ == holding() && catalog::is_held(facts_)}, before, entry_, at.now);
    entry_.times = time_line_.times();
}

// ---- publishing

void LeaderFusion::publish(const Decision& decision, Moment at) {
    catalog::LeaderEntry next = entry_;
    next.state = decision.state;
    next.reason = decision.reason;
    next.members.clear();
    for (const auto& [name, row] : facts_.members) next.members.push_back(row);
    next.holder = facts_.leader;
    next.host = next.node_address = catalog::HostText{};
    next.port = 0;
    if (decision.state == catalog::LeaderState::led) {
        next.member = where_.member;
        next.host = where_.host;
        next.node_address = where_.node_address;
        next.port = where_.port;
        next.timeline = where_.timeline;
        if (catalog::is_held(facts_)) next.lock_index = facts_.leader_modify_index;
    }
    mark_change(next, entry_, at);
    entry_ = std::move(next);
}

/// Updates the location of `member`. Parts that the present facts do not have keep the last known value of the same member. False: no
/// address is known.
bool LeaderFusion::locate(const std::string& member, const catalog::MemberRow* row) {
    if (where_.member != member) {
        where_ = Location{};
        where_.member = member;
    }
    const catalog::MemberNode* node = node_of(member);
    if (node && !node->present) node = nullptr;
    if (node && !node->node_address.empty()) where_.node_address = node->node_address;
    if (row && row->timeline) where_.timeline = row->timeline;
    switch (rule_.source) {
        case conf::LeaderRule::Source::kv:
            if (row && !row->host.empty()) {
                where_.host = row->host;
                where_.port = row->port;
            }
            break;
        case conf::LeaderRule::Source::service:
            if (node) {
                where_.host = node->service_address.empty() ? node->node_address : node->service_address;
                where_.port = node->port;
            }
            break;
        case conf::LeaderRule::Source::node:
            if (node) {
                where_.host = node->node_address;
                where_.port = node->port;
            }
            break;
    }
    if (rule_.port != 0) where_.port = rule_.port;
    return !where_.host.empty();
}

const catalog::MemberRow* LeaderFusion::row_of(const std::string& member) const {
    const auto found = facts_.members.find(member);
    return found == facts_.members.end() ? nullptr : &found->second;
}

const catalog::MemberNode* LeaderFusion::node_of(const std::string& member) const {
    const auto found = nodes_.find(member);
    return found == nodes_.end() ? nullptr : &found->second;
}

void LeaderFusion::wake_at(Now when) { deadline_ = deadline_ ? std::min(*deadline_, when) : when; }

}  // namespace lictor::leader
