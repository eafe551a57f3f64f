// The decision table of a leader. Each event stores what it says and decides again from everything that is known; no event leads
// straight to an answer. Two questions are kept apart: `judge` says what the facts mean, `publish` what changes for those who ask.
#include "watch/leader.hpp"

#include <algorithm>
#include <utility>

#include "watch/json_text.hpp"

namespace lictor {
namespace {

/// What Patroni needs to find its session gone and take the lock again is one round of its loop; two seconds for the round itself.
constexpr seconds grace_slack{2};
/// A loop_wait beyond this is no reason to trust a free lock for longer.
constexpr seconds grace_max{300};
/// A prefix that is gone for so long was removed, not re-created.
constexpr seconds forget_after{300};

/// Members from before Patroni wrote roles and states (a bare URL): the lock is all there is to go by.
bool tells_nothing(const MemberRow& row) {
    return row.role.empty() && row.state.empty();
}

bool is_running_primary(const MemberRow& row) {
    return tells_nothing(row) || ((row.role == "master" || row.role == "primary") && row.state == "running");
}

/// `stopping`, `stopped`, `stop failed`.
bool is_stopping(const MemberRow& row) {
    return row.state.compare(0, 4, "stop") == 0;
}

/// States in which Patroni brings the holder of the lock back instead of moving the lock.
bool comes_back(const MemberRow& row) {
    return row.state == "starting" || row.state == "restarting" || row.state == "crashed";
}

/// A session holds the lock, whatever it wrote into the key.
bool is_held(const ScopeFacts& facts) {
    return !facts.leader.empty() || !facts.leader_session.empty();
}

/// Reasons for which an address was withdrawn; they stay the reason while nobody else takes the lock.
bool is_withdrawal(LeaderReason reason) {
    return reason == LeaderReason::demoted || reason == LeaderReason::stopping || reason == LeaderReason::node_failed ||
           reason == LeaderReason::grace_over;
}

}  // namespace

LeaderFusion::LeaderFusion(LeaderRule rule) : rule_(std::move(rule)) {
    entry_.scope = rule_.scope;
    entry_.service = rule_.service.empty() ? patroni_service_name(rule_.scope) : lower_case(rule_.service);
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

void LeaderFusion::on_scope(const ScopeFacts& facts, Moment at) {
    if (facts.denied) {
        denied_ = true;
        return decide(at);
    }
    if (is_older(facts)) return;
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

// ---- judging

void LeaderFusion::decide(Moment at) {
    deadline_.reset();
    const Decision decision = judge(at);
    if (decision.reason != LeaderReason::kept_grace) grace_until_.reset();
    publish(decision, at);
}

LeaderFusion::Decision LeaderFusion::judge(Moment at) {
    if (!rule_.key.empty()) return {LeaderState::vacant, read_ ? LeaderReason::lock_free : LeaderReason::not_read_yet};
    if (denied_) return {LeaderState::unreadable, LeaderReason::access_denied};
    if (!read_) return {LeaderState::loading, LeaderReason::not_read_yet};
    const Decision decision = is_held(facts_) ? judge_held(at) : judge_free(at);
    if (decision.state == LeaderState::led) return without_contact(decision, at);
    return decision.state == LeaderState::vacant && !facts_.exists ? forget(decision, at) : decision;
}

/// Somebody holds the lock: nobody else is ever answered. The question is only whether the holder may be.
LeaderFusion::Decision LeaderFusion::judge_held(Moment at) {
    const std::string& holder = facts_.leader;
    const MemberRow* row = row_of(holder);
    const MemberNode* node = node_of(holder);
    const Reign reign{holder, facts_.leader_session, facts_.leader_lock_index, facts_.leader_modify_index};
    const bool answered = entry_.state == LeaderState::led && entry_.member == holder;
    const bool located = locate(holder, row);

    if (row && row->role == "standby_leader") {
        confirmed_ = {};
        return {LeaderState::standby, LeaderReason::standby_cluster};
    }
    if (node && node->node_critical) return {LeaderState::vacant, LeaderReason::node_failed};
    if (row && located && is_running_primary(*row)) {
        confirmed_ = reign;
        was_running_ = true;
        return {LeaderState::led, LeaderReason::confirmed};
    }
    if (row && row->role != "demoted" && !is_stopping(*row) && comes_back(*row) && confirmed_ == reign && located) {
        was_running_ = false;
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
    const bool deposes = entry_.state == LeaderState::led || entry_.reason == LeaderReason::other_owner;
    return {LeaderState::vacant, deposes && entry_.member != holder ? LeaderReason::other_owner : LeaderReason::holder_unconfirmed};
}

/// Nobody holds the lock: only who is answered at this moment can be, for a while.
LeaderFusion::Decision LeaderFusion::judge_free(Moment at) {
    confirmed_ = {};
    if (entry_.state != LeaderState::led) return judge_nobody();
    const std::string& member = entry_.member;
    const MemberRow* row = row_of(member);
    const MemberNode* node = node_of(member);
    locate(member, row);

    if (row && row->role == "demoted") return {LeaderState::vacant, LeaderReason::demoted};
    if (row && is_stopping(*row)) return {LeaderState::vacant, LeaderReason::stopping};
    if (node && node->node_critical) return {LeaderState::vacant, LeaderReason::node_failed};
    if (facts_.standby_cluster) return {LeaderState::standby, LeaderReason::standby_cluster};
    if (row ? !is_running_primary(*row) : !was_running_) return {LeaderState::vacant, LeaderReason::lock_free};
    if (facts_.pause) return {LeaderState::led, LeaderReason::kept_pause};
    // Patroni was silent already when its session ended: it died, and nobody is there to take the lock again. The same check failing
    // later means nothing: after a restart of the node's agent every check begins as critical.
    if (!row && !grace_until_ && node && node->service_critical) return {LeaderState::vacant, LeaderReason::lock_free};
    return keep_for_grace(at);
}

LeaderFusion::Decision LeaderFusion::judge_nobody() const {
    if (facts_.standby_cluster) return {LeaderState::standby, LeaderReason::standby_cluster};
    const bool still = entry_.state == LeaderState::vacant && is_withdrawal(entry_.reason);
    return {LeaderState::vacant, still ? entry_.reason : LeaderReason::lock_free};
}

LeaderFusion::Decision LeaderFusion::keep_for_grace(Moment at) {
    if (!grace_until_) grace_until_ = at.now + std::min(loop_wait_, grace_max - grace_slack) + grace_slack;
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

// ---- publishing

void LeaderFusion::publish(const Decision& decision, Moment at) {
    LeaderEntry next = entry_;
    next.state = decision.state;
    next.reason = decision.reason;
    next.members.clear();
    for (const auto& [name, row] : facts_.members) next.members.push_back(row);
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

// ---- words

std::string patroni_service_name(const std::string& scope) {
    // A scope is UTF-8 and Patroni numbers the code points, so bytes are gathered to those first.
    constexpr std::size_t name_bytes_max = 230;
    const auto byte_at = [&](std::size_t at) { return static_cast<unsigned char>(scope[at]); };
    std::string name;
    for (std::size_t at = 0; at < scope.size() && name.size() < name_bytes_max;) {
        const unsigned lead = byte_at(at++);
        unsigned more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : lead >= 0xc0 ? 1 : 0;
        std::uint32_t point = more == 3 ? lead & 0x07 : more == 2 ? lead & 0x0f : more == 1 ? lead & 0x1f : lead;
        for (; more > 0 && at < scope.size() && (byte_at(at) & 0xc0) == 0x80; --more) point = (point << 6) | (byte_at(at++) & 0x3fu);
        if (point >= 'A' && point <= 'Z') point += 'a' - 'A';
        if ((point >= 'a' && point <= 'z') || (point >= '0' && point <= '9') || point == '-') {
            name += static_cast<char>(point);
        } else if (point == '.' || point == '_' || point == ' ') {
            name += '-';
        } else {
            std::string number = std::to_string(point);
            if (number.size() < 4) number.insert(0, 4 - number.size(), '0');
            name += 'u' + number;
        }
    }
    return name.substr(0, name_bytes_max);
}

const char* word(LeaderState state) {
    switch (state) {
        case LeaderState::loading:
            return "loading";
        case LeaderState::led:
            return "led";
        case LeaderState::vacant:
            return "vacant";
        case LeaderState::standby:
            return "standby";
        case LeaderState::unreadable:
            return "unreadable";
        case LeaderState::gone:
            return "gone";
    }
    return "unknown";
}

const char* word(LeaderReason reason) {
    switch (reason) {
        case LeaderReason::not_read_yet:
            return "not read yet";
        case LeaderReason::confirmed:
            return "confirmed";
        case LeaderReason::kept_restarting:
            return "kept while restarting";
        case LeaderReason::kept_grace:
            return "kept for a grace";
        case LeaderReason::kept_pause:
            return "kept in pause";
        case LeaderReason::kept_outage:
            return "kept without contact";
        case LeaderReason::lock_free:
            return "lock is free";
        case LeaderReason::holder_unconfirmed:
            return "holder is not primary yet";
        case LeaderReason::other_owner:
            return "lock moved";
        case LeaderReason::demoted:
            return "demoted";
        case LeaderReason::stopping:
            return "stopping";
        case LeaderReason::node_failed:
            return "node failed";
        case LeaderReason::grace_over:
            return "grace is over";
        case LeaderReason::standby_cluster:
            return "standby cluster";
        case LeaderReason::access_denied:
            return "access denied";
        case LeaderReason::scope_gone:
            return "scope is gone";
        case LeaderReason::stale_expired:
            return "stale for too long";
    }
    return "unknown";
}

}  // namespace lictor
