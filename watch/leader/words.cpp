// The table of reasons. In a sentence `{member}` is the present or last leader, `{holder}` the holder of the lock, `{one}` the holder or
// else the member, `{role}` role and state in the record of `{one}`, `{lock}` the lock's ModifyIndex, `{service}`, `{keys}` and `{hint}`
// the fields of these names.
#include "watch/leader/words.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "conf/base/printable.hpp"
#include "watch/leader/member.hpp"

namespace lictor::leader {
namespace {

struct ReasonRow {
    catalog::LeaderReason reason;
    const char* word;
    const char* because;
};

constexpr const char* address_unknown =
    "{holder} holds the lock and its record shows {role}, but its address is not known: no instance of the service {service} belongs to "
    "it, or its record has no conn_url; see service= and address= of the leader line";

constexpr std::array reason_rows{
    ReasonRow{catalog::LeaderReason::not_read_yet, "not read yet", "the cluster's keys have not been read yet"},
    ReasonRow{catalog::LeaderReason::confirmed, "confirmed",
              "{member} holds the lock (index {lock}) and its record shows a running primary"},
    ReasonRow{catalog::LeaderReason::confirmed_probe, "confirmed by probe",
              "{member} holds the lock (index {lock}) and its REST API reports primary; its record still shows {role}"},
    ReasonRow{catalog::LeaderReason::kept_restarting, "kept while restarting",
              "{member} holds the lock and its record shows {role}: Patroni restarts it and does not move the lock"},
    ReasonRow{catalog::LeaderReason::kept_grace, "kept for the grace period",
              "{member} lost the lock, its node did not fail and no other member took the lock: kept for the grace period (loop_wait and "
              "two seconds)"},
    ReasonRow{catalog::LeaderReason::kept_pause, "kept in pause",
              "Patroni is paused and the lock is free: {member} is kept, because neither its record nor its node shows a failure"},
    ReasonRow{catalog::LeaderReason::kept_outage, "kept without contact", "{member} led when contact with Consul was lost"},
    ReasonRow{catalog::LeaderReason::lock_free, "lock is free", "no member holds the lock"},
    ReasonRow{catalog::LeaderReason::no_keys, "no keys", "there is no key below {keys}{hint}"},
    ReasonRow{catalog::LeaderReason::released, "released", "{member} released the lock, and its record is still there"},
    ReasonRow{catalog::LeaderReason::announced, "switchover announced",
              "a switchover from {member} is requested, and Patroni is about to stop its PostgreSQL"},
    ReasonRow{catalog::LeaderReason::holder_unconfirmed, "holder is not primary yet",
              "{holder} holds the lock and its record shows {role}: not primary yet"},
    ReasonRow{catalog::LeaderReason::address_unknown, "address is not known", address_unknown},
    ReasonRow{catalog::LeaderReason::other_owner, "lock moved",
              "the lock moved from {member} to {holder}, whose record shows {role}: not primary yet"},
    ReasonRow{catalog::LeaderReason::demoted, "demoted", "the record of {one} shows that it was demoted"},
    ReasonRow{catalog::LeaderReason::stopping, "stopping", "the record of {one} shows {role}: its PostgreSQL stops"},
    ReasonRow{catalog::LeaderReason::node_failed, "node failed", "the node of {one} failed (its serfHealth is critical)"},
    ReasonRow{catalog::LeaderReason::grace_over, "grace period is over",
              "{member} lost the lock and did not take it again within the grace period (loop_wait and two seconds)"},
    ReasonRow{catalog::LeaderReason::overtaken, "overtaken",
              "{member} lost the lock and other members are on a later timeline: another member was promoted meanwhile"},
    ReasonRow{catalog::LeaderReason::standby_cluster, "standby cluster", "a standby cluster has no primary"},
    ReasonRow{catalog::LeaderReason::access_denied, "access denied", "the token may not read the cluster's keys"},
    ReasonRow{catalog::LeaderReason::scope_gone, "scope is gone", "the cluster's keys are gone and nothing is registered for it"},
    ReasonRow{catalog::LeaderReason::stale_expired, "stale for too long", "contact with Consul is lost for longer than leader-max-stale"},
};
static_assert(reason_rows.size() == static_cast<std::size_t>(catalog::LeaderReason::count), "each reason has a row");
static_assert(std::all_of(reason_rows.begin(), reason_rows.end(),
                          [at = 0u](const ReasonRow& row) mutable { return static_cast<unsigned>(row.reason) == at++; }),
              "the rows are in the order of the enum");

const ReasonRow& row_of(catalog::LeaderReason reason) { return reason_rows.at(static_cast<std::size_t>(reason)); }

const catalog::MemberRow* row_of(const catalog::LeaderEntry& entry, const std::string& name) {
    const auto row =
        std::find_if(entry.members.begin(), entry.members.end(), [&](const catalog::MemberRow& member) { return member.name == name; });
    return row == entry.members.end() ? nullptr : &*row;
}

/// The sentence of the reason. A plain lock has no cluster, so some sentences differ.
std::string_view because(const catalog::LeaderEntry& entry) {
    if (entry.lock) {
        switch (entry.reason) {
            case catalog::LeaderReason::not_read_yet: return "the key has not been read yet";
            case catalog::LeaderReason::confirmed: return "{member} holds the key (index {lock})";
            case catalog::LeaderReason::lock_free: return "no session holds the key";
            case catalog::LeaderReason::no_keys: return "there is no key {keys}{hint}";
            case catalog::LeaderReason::address_unknown: return "a session holds the key, and its address is not known";
            case catalog::LeaderReason::other_owner: return "another session holds the key now, and its node is not known yet";
            case catalog::LeaderReason::access_denied: return "the token may not read the key";
            default: break;
        }
    }
    const bool moved = entry.reason == catalog::LeaderReason::other_owner && entry.host.text.empty();
    if (const auto* holder = row_of(entry, entry.holder); moved && holder && is_running_primary(*holder)) return address_unknown;
    return row_of(entry.reason).because;
}

std::string shown_role(const catalog::LeaderEntry& entry, const std::string& name) {
    const auto* row = row_of(entry, name);
    return row ? role_and_state(*row) : "nothing";
}

std::string shown_state(const catalog::LeaderEntry& entry) {
    switch (entry.state) {
        case catalog::LeaderState::led: return entry.host.text + (entry.port ? ':' + std::to_string(entry.port) : "") + " is answered";
        case catalog::LeaderState::loading:
        case catalog::LeaderState::vacant: return "queries are held";
        case catalog::LeaderState::standby: return "no data is answered";
        case catalog::LeaderState::unreadable: return "the tags in the catalog are followed";
        case catalog::LeaderState::gone: return "it is an ordinary name";
    }
    return "unknown";
}

}  // namespace

std::string leader_why(const catalog::LeaderEntry& entry) {
    const auto named = [](const std::string& name) { return name.empty() ? std::string("a member without a name") : name; };
    const std::string& one = entry.holder.empty() ? entry.member : entry.holder;
    std::string line = shown_state(entry) + ": ";
    // Between two leaders of a two-phase publish: the next one is known already.
    if (entry.reason == catalog::LeaderReason::other_owner && entry.member == entry.holder)
        return line + "the lock moved to " + named(entry.holder) + ", and the old address is withdrawn in every worker first";
    for (std::string_view rest = because(entry); !rest.empty();) {
        const auto open = rest.find('{');
        line += rest.substr(0, open);
        if (open == std::string_view::npos) break;
        const auto close = rest.find('}', open);
        const auto slot = rest.substr(open + 1, close - open - 1);
        if (slot == "member") line += named(entry.member);
        else if (slot == "holder") line += named(entry.holder);
        else if (slot == "one") line += named(one);
        else if (slot == "role") line += shown_role(entry, one);
        else if (slot == "service") line += entry.service;
        else if (slot == "keys") line += entry.keys;
        else if (slot == "hint") line += entry.hint.empty() ? "" : "; " + entry.hint;
        else if (slot == "lock") line += std::to_string(entry.lock_index);
        rest.remove_prefix(close + 1);
    }
    return line;
}

std::string log_line(const catalog::LeaderEntry& entry) {
    return std::string(entry.lock ? "leader lock=" : "leader scope=") + printable(entry.scope) + " state=" + word(entry.state) +
           " reason=\"" + word(entry.reason) + (entry.lock ? "\" node=" : "\" member=") + printable(entry.member) +
           " address=" + printable(entry.host.text) + " port=" + std::to_string(entry.port) + " why=\"" + quotable(leader_why(entry), 400) +
           '"';
}

const char* word(catalog::LeaderState state) {
    switch (state) {
        case catalog::LeaderState::loading: return "loading";
        case catalog::LeaderState::led: return "led";
        case catalog::LeaderState::vacant: return "vacant";
        case catalog::LeaderState::standby: return "standby";
        case catalog::LeaderState::unreadable: return "unreadable";
        case catalog::LeaderState::gone: return "gone";
    }
    return "unknown";
}

const char* word(catalog::LeaderReason reason) { return row_of(reason).word; }

}  // namespace lictor::leader
