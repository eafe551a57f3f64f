// The one table of reasons. In a sentence `{member}` is who leads or led last, `{holder}` who holds the lock, `{one}` the holder or else
// the member, `{says}` what that one's record says, `{lock}` the lock's index.
#include "watch/leader_words.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace lictor {
namespace {

struct ReasonRow {
    LeaderReason reason;
    const char* word;
    const char* because;
};

constexpr std::array reason_rows{
    ReasonRow{LeaderReason::not_read_yet, "not read yet", "the cluster's keys have not been read yet"},
    ReasonRow{LeaderReason::confirmed, "confirmed", "{member} holds the lock (index {lock}) and said under it that it is primary and running"},
    ReasonRow{LeaderReason::confirmed_probe, "confirmed by probe",
              "{member} holds the lock (index {lock}) and its REST API said that it is primary; its record still says {says}"},
    ReasonRow{LeaderReason::kept_restarting, "kept while restarting",
              "{member} holds the lock and says {says}: Patroni brings it back and gives the lock to nobody else"},
    ReasonRow{LeaderReason::kept_grace, "kept for a grace",
              "the lock left {member} while its node lives and nobody else took it: kept for loop_wait and two seconds"},
    ReasonRow{LeaderReason::kept_pause, "kept in pause", "Patroni is paused and nobody holds the lock: {member} stays primary while it lives"},
    ReasonRow{LeaderReason::kept_outage, "kept without contact", "{member} led when contact with Consul was lost"},
    ReasonRow{LeaderReason::lock_free, "lock is free", "nobody holds the lock"},
    ReasonRow{LeaderReason::released, "released", "{member} let go of the lock and lives on"},
    ReasonRow{LeaderReason::announced, "switchover announced", "{member} was told to hand over and is about to stop its PostgreSQL"},
    ReasonRow{LeaderReason::holder_unconfirmed, "holder is not primary yet", "{holder} holds the lock and says {says}: not primary yet"},
    ReasonRow{LeaderReason::other_owner, "lock moved", "the lock moved from {member} to {holder}, which says {says}: not primary yet"},
    ReasonRow{LeaderReason::demoted, "demoted", "{one} says that it was demoted"},
    ReasonRow{LeaderReason::stopping, "stopping", "{one} says {says}: its PostgreSQL stops"},
    ReasonRow{LeaderReason::node_failed, "node failed", "the node of {one} failed (its serfHealth is critical)"},
    ReasonRow{LeaderReason::grace_over, "grace is over", "{member} lost the lock and did not take it again within loop_wait and two seconds"},
    ReasonRow{LeaderReason::overtaken, "overtaken", "the lock left {member} and others are on a later timeline: somebody else was promoted meanwhile"},
    ReasonRow{LeaderReason::standby_cluster, "standby cluster", "a standby cluster has no primary"},
    ReasonRow{LeaderReason::access_denied, "access denied", "the token may not read the cluster's keys"},
    ReasonRow{LeaderReason::scope_gone, "scope is gone", "the cluster's keys are gone and nothing is registered for it"},
    ReasonRow{LeaderReason::stale_expired, "stale for too long", "contact with Consul is lost for longer than leader-max-stale"},
};
static_assert(reason_rows.size() == static_cast<std::size_t>(LeaderReason::count), "each reason has a row");
static_assert(std::all_of(reason_rows.begin(), reason_rows.end(),
                          [at = 0u](const ReasonRow& row) mutable { return static_cast<unsigned>(row.reason) == at++; }),
              "rows stand in the order of the enum");

const ReasonRow& row_of(LeaderReason reason) { return reason_rows.at(static_cast<std::size_t>(reason)); }

/// A plain lock has no cluster behind it.
std::string_view because(const LeaderEntry& entry) {
    if (entry.lock) {
        switch (entry.reason) {
            case LeaderReason::not_read_yet: return "the key has not been read yet";
            case LeaderReason::confirmed: return "{member} holds the key (index {lock})";
            case LeaderReason::lock_free: return "no session holds the key";
            case LeaderReason::holder_unconfirmed: return "the key is held, and the holder's address is not known";
            case LeaderReason::other_owner: return "the key is another session's now, and its node is not known yet";
            case LeaderReason::access_denied: return "the token may not read the key";
            default: break;
        }
    }
    return row_of(entry.reason).because;
}

std::string what_it_says(const LeaderEntry& entry, const std::string& name) {
    const auto row = std::find_if(entry.members.begin(), entry.members.end(), [&](const MemberRow& member) { return member.name == name; });
    if (row == entry.members.end()) return "nothing";
    if (row->role.empty() && row->state.empty()) return "no role";
    return row->role + '/' + row->state;
}

std::string what_is_done(const LeaderEntry& entry) {
    switch (entry.state) {
        case LeaderState::led: return entry.host.text + (entry.port ? ':' + std::to_string(entry.port) : "") + " is answered";
        case LeaderState::loading:
        case LeaderState::vacant: return "questions are held";
        case LeaderState::standby: return "no data is answered";
        case LeaderState::unreadable: return "the tags in the catalog are followed";
        case LeaderState::gone: return "it is an ordinary name";
    }
    return "unknown";
}

}  // namespace

std::string leader_why(const LeaderEntry& entry) {
    const auto named = [](const std::string& name) { return name.empty() ? std::string("somebody") : name; };
    const std::string& one = entry.holder.empty() ? entry.member : entry.holder;
    std::string line = what_is_done(entry) + ": ";
    // The publisher's step between two leaders: the next one is known already.
    if (entry.reason == LeaderReason::other_owner && entry.member == entry.holder)
        return line + "the lock moved to " + named(entry.holder) + ", and every worker leaves the old address first";
    for (std::string_view rest = because(entry); !rest.empty();) {
        const auto open = rest.find('{');
        line += rest.substr(0, open);
        if (open == std::string_view::npos) break;
        const auto close = rest.find('}', open);
        const auto slot = rest.substr(open + 1, close - open - 1);
        if (slot == "member") line += named(entry.member);
        else if (slot == "holder") line += named(entry.holder);
        else if (slot == "one") line += named(one);
        else if (slot == "says") line += what_it_says(entry, one);
        else if (slot == "lock") line += std::to_string(entry.lock_index);
        rest.remove_prefix(close + 1);
    }
    return line;
}

const char* word(LeaderState state) {
    switch (state) {
        case LeaderState::loading: return "loading";
        case LeaderState::led: return "led";
        case LeaderState::vacant: return "vacant";
        case LeaderState::standby: return "standby";
        case LeaderState::unreadable: return "unreadable";
        case LeaderState::gone: return "gone";
    }
    return "unknown";
}

const char* word(LeaderReason reason) { return row_of(reason).word; }

}  // namespace lictor
