// Judges the members that do not lead.
#include "watch/leader/replicas.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "watch/leader/member.hpp"

namespace lictor::leader {
namespace {

constexpr Now missing_max = seconds(1);

/// Patroni 3.0.4 and later write `replication_state` while PostgreSQL replicates.
bool writes_replication_state(const std::string& version) {
    std::array<unsigned, 3> parts{};
    std::size_t part = 0;
    for (const char c : version) {
        if (c == '.' && part < 2) ++part;
        else if (c >= '0' && c <= '9' && parts[part] < 10'000) parts[part] = parts[part] * 10 + static_cast<unsigned>(c - '0');
        else break;
    }
    return parts >= std::array<unsigned, 3>{3, 0, 4};
}

/// End of the leader's WAL in bytes: the larger one of `status` and the leader's member record.
std::optional<std::uint64_t> end_of_wal(const catalog::ScopeFacts& facts) {
    const auto holder = facts.members.find(facts.leader);
    if (holder == facts.members.end() || !holder->second.lsn || holder->second.role == "replica") return facts.optime;
    return std::max(facts.optime.value_or(0), *holder->second.lsn);
}

}  // namespace

std::shared_ptr<const catalog::ReplicaSet> ReplicaJudge::judge(const catalog::ScopeFacts& facts,
                                                               const std::map<std::string, catalog::MemberNode>& nodes,
                                                               const catalog::LeaderEntry& leader, const Limits& limits, Now now) {
    deadline_.reset();
    if (leader.state == catalog::LeaderState::loading || leader.state == catalog::LeaderState::unreadable ||
        leader.state == catalog::LeaderState::gone) {
        living_.clear();
        lagging_.clear();
        last_.reset();
        return nullptr;
    }
    update_living(facts, now);
    const auto end = end_of_wal(facts);
    auto set = std::make_shared<catalog::ReplicaSet>();
    set->leader_last_resort = limits.leader_last_resort;
    catalog::Objection best = catalog::Objection::check_failing, best_sync = catalog::Objection::check_failing;
    std::set<std::string> candidates;
    for (const auto& [name, kept] : living_) {
        if (leader.state == catalog::LeaderState::led && name == leader.member) continue;
        const catalog::MemberRow& row = kept.row;
        const auto found = nodes.find(name);
        const catalog::MemberNode* node = found == nodes.end() ? nullptr : &found->second;
        catalog::Replica replica;
        replica.member = name;
        if ((node && node->node_critical) || !locate(replica, row, node)) continue;
        const auto position = row.replay_lsn ? row.replay_lsn : row.lsn;
        if (end && position) replica.lag = *end - std::min(*end, *position);
        const bool lagging = is_lagging(name, replica.lag, limits.max_lag);
        if (node && node->service_critical && !row.noloadbalance) replica.objection = catalog::Objection::check_failing;
        else if (row.noloadbalance) replica.objection = catalog::Objection::noloadbalance;
        else if (lagging) replica.objection = catalog::Objection::lagging;
        else if (row.replication_state != "streaming" && writes_replication_state(row.version))
            replica.objection = catalog::Objection::not_streaming;
        replica.standby_leader = row.role == "standby_leader" && name == facts.leader;
        // The holder of the lock is about to be the primary, even if its record still shows a replica.
        if (row.role != "standby_leader" && name != facts.leader) {
            candidates.insert(name);
            best = std::min(best, replica.objection);
            replica.as_sync = std::find(facts.sync_standbys.begin(), facts.sync_standbys.end(), name) != facts.sync_standbys.end();
            if (replica.as_sync) best_sync = std::min(best_sync, replica.objection);
        }
        set->replicas.push_back(std::move(replica));
    }
    for (auto& replica : set->replicas) {
        replica.as_replica = candidates.count(replica.member) > 0 && replica.objection == best;
        replica.as_sync = replica.as_sync && replica.objection == best_sync;
    }
    std::erase_if(lagging_, [this](const std::string& name) { return living_.count(name) == 0; });
    set->version = version_;
    if (!last_ || *last_ != *set) {
        set->version = ++version_;
        last_ = std::move(set);
    }
    return last_;
}

void ReplicaJudge::update_living(const catalog::ScopeFacts& facts, Now now) {
    for (auto at = living_.begin(); at != living_.end();) {
        const auto row = facts.members.find(at->first);
        auto& until = at->second.until;
        if (row == facts.members.end() && until == Now{}) until = now + missing_max;
        const bool over = row == facts.members.end() ? now >= until : !is_running_replica(row->second);
        if (over) {
            at = living_.erase(at);
            continue;
        }
        if (row == facts.members.end()) deadline_ = deadline_ ? std::min(*deadline_, until) : until;
        ++at;
    }
    for (const auto& [name, row] : facts.members)
        if (is_running_replica(row)) living_[name] = {row, Now{}};
}

bool ReplicaJudge::locate(catalog::Replica& replica, const catalog::MemberRow& row, const catalog::MemberNode* node) const {
    if (node && !node->present) node = nullptr;
    if (node) replica.node_address = node->node_address;
    if (rule_.source == conf::LeaderRule::Source::kv) {
        replica.host = row.host;
        replica.port = row.port;
    } else if (node) {
        const bool service = rule_.source == conf::LeaderRule::Source::service && !node->service_address.empty();
        replica.host = service ? node->service_address : node->node_address;
        replica.port = node->port;
    }
    if (rule_.port != 0) replica.port = rule_.port;
    return !replica.host.empty();
}

/// Lagging above `max`, and again not lagging below three quarters of it. An unknown lag changes nothing.
bool ReplicaJudge::is_lagging(const std::string& member, std::optional<std::uint64_t> lag, std::optional<std::uint64_t> max) {
    if (!max) {
        lagging_.erase(member);
        return false;
    }
    if (lag && *lag > *max) lagging_.insert(member);
    else if (lag && *lag <= *max - *max / 4) lagging_.erase(member);
    return lagging_.count(member) > 0;
}

}  // namespace lictor::leader
