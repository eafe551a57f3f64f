// Decides which record a fact belongs to, and when a record is opened and completed.
#include "resolver/failover/failovers.hpp"

#include <algorithm>

#include "watch/leader/leader.hpp"

namespace lictor::failover {
namespace {

struct PhaseWords {
    const char* word;
    const char* sentence;
};
constexpr PhaseWords phase_words[failover_phases] = {
    {"announced", "switchover announced"},
    {"lock_gone", "lock gone"},
    {"withdrawn", "old address withdrawn"},
    {"withdrawn_everywhere", "withdrawn by every worker"},
    {"lock_taken", "lock taken"},
    {"promoted_by_kv", "promoted, by its record in Consul"},
    {"promoted_by_probe", "promoted, by its REST API"},
    {"promoted_by_tag", "promoted, by its tag in the catalog"},
    {"published", "new address published"},
    {"published_everywhere", "new address in every worker"},
    {"first_answer", "first answer with the new address"},
    {"old_tag_gone", "old leader's tag gone"},
};

using Span = std::optional<microseconds>;

Span between(const FailoverRecord& record, FailoverPhase from, FailoverPhase to) {
    const auto begin = record.at(from), end = record.at(to);
    if (!begin || !end) return std::nullopt;
    return std::max(*end - *begin, microseconds(0));
}

Span promotion(const FailoverRecord& record) {
    Span least;
    for (const auto phase : {FailoverPhase::promoted_by_kv, FailoverPhase::promoted_by_probe, FailoverPhase::promoted_by_tag})
        if (const auto span = between(record, FailoverPhase::lock_taken, phase)) least = std::min(least.value_or(*span), *span);
    return least;
}

using Phase = FailoverPhase;
constexpr FailoverSpan spans[] = {
    {"lock_free", "from the lock's release until another member takes it",
     [](const FailoverRecord& r) { return between(r, Phase::lock_gone, Phase::lock_taken); }},
    {"withdrawal", "from the lock's release until no worker answers the old address",
     [](const FailoverRecord& r) { return between(r, Phase::lock_gone, Phase::withdrawn_everywhere); }},
    {"promotion", "from the new leader taking the lock to the first sign of its promotion",
     [](const FailoverRecord& r) { return promotion(r); }},
    {"gap", "from withdrawing the old address to publishing the new one",
     [](const FailoverRecord& r) { return between(r, Phase::withdrawn, Phase::published); }},
    {"publication", "from publishing the new address until every worker answers it",
     [](const FailoverRecord& r) { return between(r, Phase::published, Phase::published_everywhere); }},
    {"first_answer", "from publishing the new address to the first answer to a query that was held; none if nobody asked",
     [](const FailoverRecord& r) -> Span {
         const auto answered = r.first_held_answer();
         return r.published && answered ? Span(std::max(*answered - *r.published, microseconds(0))) : std::nullopt;
     }},
    {"old_tag", "from the lock's release until the old leader's tag is gone from the catalog",
     [](const FailoverRecord& r) { return between(r, Phase::lock_gone, Phase::old_tag_gone); }},
    {"longest_hold", "longest time that a query was held",
     [](const FailoverRecord& r) -> Span { return r.done ? Span(r.longest_hold()) : std::nullopt; }},
};

}  // namespace

const char* word(FailoverPhase phase) { return phase_words[static_cast<std::size_t>(phase)].word; }
const char* sentence(FailoverPhase phase) { return phase_words[static_cast<std::size_t>(phase)].sentence; }
std::span<const FailoverSpan> failover_spans() { return spans; }

std::optional<Now> FailoverRecord::at(FailoverPhase phase) const {
    switch (phase) {
        case Phase::announced: return times.announced;
        case Phase::lock_gone: return times.lock_gone;
        case Phase::withdrawn: return withdrawn;
        case Phase::withdrawn_everywhere: return withdrawn_everywhere;
        case Phase::lock_taken: return times.lock_taken;
        case Phase::promoted_by_kv: return times.promoted_by_kv;
        case Phase::promoted_by_probe: return times.promoted_by_probe;
        case Phase::promoted_by_tag: return times.promoted_by_tag;
        case Phase::published: return published;
        case Phase::published_everywhere: return published_everywhere;
        case Phase::first_answer:
            if (const auto answered = new_counters ? new_counters->first_answered.load(std::memory_order_relaxed) : 0; answered != 0)
                // A worker reads the clock once per batch, before it takes the View.
                return std::max(Now(answered), published.value_or(Now(answered)));
            return std::nullopt;
        case Phase::old_tag_gone: return times.old_tag_gone;
        case Phase::count: break;
    }
    return std::nullopt;
}

std::optional<Now> FailoverRecord::first_held_answer() const {
    const std::int64_t answered = gap ? gap->first_answer.load(std::memory_order_relaxed) : 0;
    return answered != 0 ? std::optional(Now(answered)) : std::nullopt;
}

Now FailoverRecord::began() const {
    std::optional<Now> first;
    for (std::size_t i = 0; i < failover_phases; ++i)
        if (const auto when = at(static_cast<Phase>(i))) first = std::min(first.value_or(*when), *when);
    return first.value_or(Now{});
}

namespace {

/// Patroni registers itself as `<scope>/<member>`.
LeaderAddress address_by_tags(const catalog::Instance& instance) {
    const auto& address = instance.address.empty() ? instance.node->address : instance.address;
    return {instance.id.substr(instance.id.rfind('/') + 1), address.text, static_cast<std::uint16_t>(instance.port)};
}

}  // namespace

LeaderAddress leader_address_of(const catalog::Catalog& catalog, const catalog::LeaderEntry& entry) {
    if (entry.state == catalog::LeaderState::unreadable) {
        const auto* instance = view::leader_by_tags(catalog, entry);
        return instance ? address_by_tags(*instance) : LeaderAddress{};
    }
    LeaderAddress leader{entry.member, entry.host.text, entry.port};
    if (entry.host.ip) return leader;
    if (const auto* host = view::host_row(catalog, entry.host); host && !(host->v4.empty() && host->v6.empty()))
        leader.address = (host->v4.empty() ? host->v6 : host->v4).front().text();
    else if (entry.node_address.ip) leader.address = entry.node_address.text;
    return leader;
}

FailoverRecord* Failovers::last_record(const Scope& scope) {
    // Numbers are consecutive, so the index follows from the number.
    if (scope.record == 0 || records_.empty() || scope.record < records_.front().number) return nullptr;
    return &records_[static_cast<std::size_t>(scope.record - records_.front().number)];
}

const FailoverRecord* Failovers::find(std::uint64_t number) const {
    if (records_.empty() || number < records_.front().number || number > records_.back().number) return nullptr;
    return &records_[static_cast<std::size_t>(number - records_.front().number)];
}

void Failovers::on_facts(const catalog::Catalog& offered) {
    for (const auto& [service, entry] : *offered.leaders) {
        Scope& scope = scopes_[service];
        scope.times = entry->times;
        // Late facts go into the record of their change. A new change opens a record when the answer changes.
        if (auto* record = last_record(scope); record && scope.times.change != 0 && record->times.change == scope.times.change)
            record->times = scope.times;
    }
    std::erase_if(scopes_, [&](const auto& row) { return !offered.leaders->contains(row.first); });
}

void Failovers::take_times(Scope& scope, FailoverRecord& record) {
    if (scope.times.change == scope.taken) return;  // no new change: a host name has another address
    scope.taken = scope.times.change;
    record.times = scope.times;
}

FailoverRecord& Failovers::open(Scope& scope, const catalog::LeaderEntry& entry, Moment at) {
    if (records_.size() == records_max) {
        lost_late_ += records_.front().answered_late();
        records_.pop_front();
    }
    FailoverRecord record;
    record.number = next_++;
    record.scope = entry.scope;
    record.service = entry.service;
    record.reason = leader::word(entry.reason);
    record.old_leader = scope.leader;
    record.old_counters = scope.counters;
    take_times(scope, record);
    record.began_unix = at.unix_seconds;
    scope.record = record.number;
    scope.withdrawn_in = scope.published_in = 0;  // the record before stays incomplete
    records_.push_back(std::move(record));
    return records_.back();
}

std::vector<LeaderChange> Failovers::on_view(const view::View& view, Moment at) {
    std::vector<LeaderChange> changes;
    for (const auto& [service, runtime] : *view.runtime) {
        const auto leader = view.catalog->leaders->find(service);
        if (leader == view.catalog->leaders->end()) continue;
        const catalog::LeaderEntry& entry = *leader->second;
        Scope& scope = scopes_[service];
        if (scope.counters == runtime->counters && scope.answerable == runtime->answerable) continue;
        const bool was = std::exchange(scope.answerable, runtime->answerable);
        LeaderChange change{entry.scope, service, leader::word(entry.reason), scope.leader, {}, entry.timeline, runtime->serial};
        auto* record = last_record(scope);
        if (!runtime->answerable) {
            if (!was) continue;
            record = &open(scope, entry, at);
            record->withdrawn = at.now;
            record->gap = runtime->gap;
            scope.withdrawn_in = view.generation;
            changes.push_back(std::move(change));
            continue;
        }
        const bool first = scope.answered.empty();
        if (!first && (!record || record->published)) record = &open(scope, entry, at);
        scope.counters = runtime->counters;
        scope.answered = runtime->answered;
        scope.leader = leader_address_of(*view.catalog, entry);
        if (first) {
            change.reason = "first known";
        } else {
            record->published = at.now;
            record->gap = runtime->gap;
            record->new_leader = scope.leader;
            record->new_counters = runtime->counters;
            record->timeline = entry.timeline;
            record->serial = runtime->serial;
            take_times(scope, *record);
            change.reason = record->reason;
            scope.published_in = view.generation;
        }
        change.leads = true;
        change.new_leader = scope.leader;
        changes.push_back(std::move(change));
    }
    return changes;
}

std::vector<std::uint64_t> Failovers::on_all_workers(std::uint64_t generation, Now now) {
    std::vector<std::uint64_t> done;
    for (auto& [service, scope] : scopes_) {
        auto* record = last_record(scope);
        const auto reached = [&](std::uint64_t& awaited) {
            return awaited != 0 && generation >= awaited && std::exchange(awaited, 0) != 0;
        };
        if (reached(scope.withdrawn_in) && record) record->withdrawn_everywhere = now;
        if (reached(scope.published_in) && record) {
            record->published_everywhere = now;
            record->done = true;
            done.push_back(record->number);
        }
    }
    return done;
}

void Failovers::on_connections_cut(const std::string& service, std::uint64_t connections) {
    const auto scope = scopes_.find(service);
    if (auto* record = scope == scopes_.end() ? nullptr : last_record(scope->second)) record->connections_cut += connections;
}

std::uint64_t Failovers::answered_late() const {
    std::uint64_t sum = lost_late_;
    for (const auto& record : records_) sum += record.answered_late();
    return sum;
}

}  // namespace lictor::failover
