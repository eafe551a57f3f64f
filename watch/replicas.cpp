// Judging the members who do not lead.
#include "watch/replicas.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "watch/json_text.hpp"

namespace lictor {
namespace {

constexpr Now gone_for = seconds(1);

bool is_running_replica(const MemberRow& row) {
    if (row.role.empty() && row.state.empty()) return true;  // from before Patroni wrote either: a bare URL
    return row.state == "running" && (row.role == "replica" || row.role == "standby_leader");
}

/// Patroni 3.0.4 and later write `replication_state` while there is one.
bool tells_replication(const std::string& version) {
    std::array<unsigned, 3> parts{};
    std::size_t part = 0;
    for (const char c : version) {
        if (c == '.' && part < 2) ++part;
        else if (c >= '0' && c <= '9' && parts[part] < 10'000) parts[part] = parts[part] * 10 + static_cast<unsigned>(c - '0');
        else break;
    }
    return parts >= std::array<unsigned, 3>{3, 0, 4};
}

/// Where the leader's WAL ends, by the leader's own two words for it.
std::optional<std::uint64_t> end_of_wal(const ScopeFacts& facts) {
    const auto holder = facts.members.find(facts.leader);
    if (holder == facts.members.end() || !holder->second.lsn || holder->second.role == "replica") return facts.optime;
    return std::max(facts.optime.value_or(0), *holder->second.lsn);
}

}  // namespace

std::shared_ptr<const ReplicaSet> ReplicaJudge::judge(const ScopeFacts& facts, const std::map<std::string, MemberNode>& nodes,
                                                      const LeaderEntry& leader, const Limits& limits, Now now) {
    deadline_.reset();
    if (leader.state == LeaderState::loading || leader.state == LeaderState::unreadable || leader.state == LeaderState::gone) {
        living_.clear();
        lagging_.clear();
        last_.reset();
        return nullptr;
    }
    remember(facts, now);
    const auto end = end_of_wal(facts);
    auto set = std::make_shared<ReplicaSet>();
    set->leader_last_resort = limits.leader_last_resort;
    Objection best = Objection::check_failing, best_sync = Objection::check_failing;
    std::set<std::string> candidates;
    for (const auto& [name, kept] : living_) {
        if (leader.state == LeaderState::led && name == leader.member) continue;
        const MemberRow& row = kept.row;
        const auto found = nodes.find(name);
        const MemberNode* node = found == nodes.end() ? nullptr : &found->second;
        ReplicaSeat seat;
        seat.member = name;
        if ((node && node->node_critical) || !locate(seat, row, node)) continue;
        const auto position = row.replay_lsn ? row.replay_lsn : row.lsn;
        if (end && position) seat.lag = *end - std::min(*end, *position);
        const bool lagging = is_lagging(name, seat.lag, limits.max_lag);
        if (node && node->service_critical && !row.noloadbalance) seat.objection = Objection::check_failing;
        else if (row.noloadbalance) seat.objection = Objection::noloadbalance;
        else if (lagging) seat.objection = Objection::lagging;
        else if (row.replication_state != "streaming" && tells_replication(row.version)) seat.objection = Objection::not_streaming;
        // Whoever holds the lock is about to be the primary, whatever its key says still.
        if (row.role != "standby_leader" && name != facts.leader) {
            candidates.insert(name);
            best = std::min(best, seat.objection);
            seat.sync = std::find(facts.sync_standbys.begin(), facts.sync_standbys.end(), name) != facts.sync_standbys.end();
            if (seat.sync) best_sync = std::min(best_sync, seat.objection);
        }
        set->seats.push_back(std::move(seat));
    }
    for (auto& seat : set->seats) {
        seat.replica = candidates.count(seat.member) > 0 && seat.objection == best;
        seat.sync = seat.sync && seat.objection == best_sync;
    }
    std::erase_if(lagging_, [this](const std::string& name) { return living_.count(name) == 0; });
    if (!last_ || *last_ != *set) last_ = std::move(set);
    return last_;
}

void ReplicaJudge::remember(const ScopeFacts& facts, Now now) {
    for (auto at = living_.begin(); at != living_.end();) {
        const auto row = facts.members.find(at->first);
        auto& until = at->second.until;
        if (row == facts.members.end() && until == Now{}) until = now + gone_for;
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

bool ReplicaJudge::locate(ReplicaSeat& seat, const MemberRow& row, const MemberNode* node) const {
    if (node && !node->present) node = nullptr;
    if (node) seat.node_address = node->node_address;
    if (rule_.source == LeaderRule::Source::kv) {
        seat.host = row.host;
        seat.port = row.port;
    } else if (node) {
        const bool service = rule_.source == LeaderRule::Source::service && !node->service_address.empty();
        seat.host = service ? node->service_address : node->node_address;
        seat.port = node->port;
    }
    if (rule_.port != 0) seat.port = rule_.port;
    return !seat.host.empty();
}

/// Out above the limit, in again below three quarters of it. Without a figure nothing changes.
bool ReplicaJudge::is_lagging(const std::string& member, std::optional<std::uint64_t> lag, std::optional<std::uint64_t> max) {
    if (!max) {
        lagging_.erase(member);
        return false;
    }
    if (lag && *lag > *max) lagging_.insert(member);
    else if (lag && *lag <= *max - *max / 4) lagging_.erase(member);
    return lagging_.count(member) > 0;
}

const char* word(Objection objection) {
    switch (objection) {
        case Objection::none: return "none";
        case Objection::not_streaming: return "not streaming";
        case Objection::lagging: return "lagging";
        case Objection::noloadbalance: return "noloadbalance";
        case Objection::check_failing: return "check failing";
    }
    return "unknown";
}

}  // namespace lictor
