// Each function adds the faults of one part. Leaders without an address are named at once, not only after leader-hold as in the warnings.
#include "resolver/lifecycle/faults.hpp"

#include <algorithm>

#include "resolver/rules/rules.hpp"
#include "watch/leader/words.hpp"

namespace lictor::lifecycle {
namespace {

constexpr std::size_t faults_max = 100;

/// `27 s`, `4 min`, `3 h`.
std::string span(double seconds_passed) {
    const auto whole = static_cast<std::int64_t>(std::clamp(seconds_passed, 0.0, 1e12));
    if (whole < 120) return std::to_string(whole) + " s";
    return whole < 7200 ? std::to_string(whole / 60) + " min" : std::to_string(whole / 3600) + " h";
}

double seconds_since(Now then, Now now) { return then > Now{0} && now > then ? std::chrono::duration<double>(now - then).count() : 0; }

/// Queries held in the scope's gap that has not ended; 0 also without such a gap.
std::uint64_t held_in_gap(const failover::Failovers* failovers, const std::string& service) {
    if (!failovers) return 0;
    for (auto record = failovers->records().rbegin(); record != failovers->records().rend(); ++record)
        if (record->service == service) return record->done ? 0 : record->held();
    return 0;
}

class Collection {
public:
    void bad(std::string text) { all_.push_back({FaultLevel::bad, std::move(text)}); }
    void notice(std::string text) { all_.push_back({FaultLevel::notice, std::move(text)}); }
    std::vector<Fault> in_order() {
        std::stable_sort(all_.begin(), all_.end(), [](const Fault& a, const Fault& b) { return a.level > b.level; });
        if (all_.size() > faults_max) all_.resize(faults_max);
        return std::move(all_);
    }

private:
    std::vector<Fault> all_;
};

void add_contact(Collection& into, const FaultFacts& more, const catalog::Catalog& catalog) {
    if (!catalog.consul_on) return;
    if (!catalog.contact_lost) {
        if (!catalog.reachable) into.notice("the last request to Consul failed");
        return;
    }
    if (!more.contact_age_seconds) return into.bad("Consul has not answered since the start: answers from the snapshot, if there is one");
    into.bad("Consul out of contact for " + span(*more.contact_age_seconds) +
             (catalog.expired ? ", longer than consul-max-stale: its names get SERVFAIL" : ": answers from memory"));
}

void add_leaders(Collection& into, const FaultFacts& more, const catalog::Catalog& catalog, Now now) {
    std::vector<const catalog::LeaderEntry*> entries;
    for (const auto& [service, entry] : *catalog.leaders) entries.push_back(entry.get());
    std::sort(entries.begin(), entries.end(), [](const auto* a, const auto* b) { return a->scope < b->scope; });
    for (const auto* entry : entries) {
        if (entry->state == catalog::LeaderState::vacant) {
            const auto held = held_in_gap(more.failovers, entry->service);
            std::string text = entry->scope + ": nobody leads";
            if (const double seconds_passed = seconds_since(entry->since, now); seconds_passed > 0) text += " for " + span(seconds_passed);
            if (held > 0) text += ", " + std::to_string(held) + (held == 1 ? " query" : " queries") + " held";
            into.bad(text + " (" + leader::word(entry->reason) + ')');
        } else if (entry->state == catalog::LeaderState::loading || entry->state == catalog::LeaderState::unreadable ||
                   entry->state == catalog::LeaderState::gone ||
                   (entry->state == catalog::LeaderState::led && entry->reason == catalog::LeaderReason::kept_grace)) {
            into.notice(entry->scope + ": " + leader::leader_why(*entry));
        }
    }
}

}  // namespace

bool upstreams_fail(const std::vector<forward::UpstreamReport>& reports, const rules::Rules& rules) {
    const auto* route = rules::default_route(rules);
    if (!route || route->members.empty()) return false;
    return std::all_of(route->members.begin(), route->members.end(), [&](std::uint32_t at) {
        return std::any_of(reports.begin(), reports.end(),
                           [&](const auto& report) { return report.endpoint == rules.upstreams[at].endpoint && report.failing; });
    });
}

const char* word(FaultLevel level) { return level == FaultLevel::bad ? "bad" : "notice"; }

std::vector<Fault> standing_faults(const ReadinessFacts& facts, const FaultFacts& more, const catalog::Catalog& catalog,
                                   const rules::Rules& rules, milliseconds leader_hold, Now now) {
    Collection found;
    const bool silent = upstreams_fail(more.upstreams, rules);
    if (!facts.workers_alive) found.bad("a worker's loop does not run: queries are not answered");
    if (more.memory_used_up) found.bad("memory-max is used up: queries that need an upstream may get SERVFAIL");
    if (silent) found.bad("no upstream answers");
    add_contact(found, more, catalog);
    add_leaders(found, more, catalog, now);
    if (const auto why = not_ready_because(facts); !why.empty() && facts.workers_alive && !(silent && !facts.upstream_answered))
        found.notice("not ready: " + why);
    for (auto& warning : standing_warnings(facts, catalog, rules, leader_hold, now))
        if (warning.topic == WarningTopic::other) found.notice(std::move(warning.text));
    if (more.stale_watches > 0 && !catalog.contact_lost)
        found.notice(more.stale_watches == 1
                         ? "a watch on Consul fails: its last known data is answered"
                         : std::to_string(more.stale_watches) + " watches on Consul fail: their last known data is answered");
    if (more.reload_refused) found.notice("the last reload was refused: the earlier configuration is in force");
    return found.in_order();
}

}  // namespace lictor::lifecycle
