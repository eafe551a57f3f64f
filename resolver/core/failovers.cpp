// Which record a fact belongs to, and when one is opened and done.
#include "resolver/core/failovers.hpp"

#include <algorithm>

#include "watch/leader.hpp"

namespace lictor {
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
    {"promoted_by_kv", "promoted, says its record"},
    {"promoted_by_probe", "promoted, says its REST API"},
    {"promoted_by_tag", "promoted, says its tag"},
    {"published", "new address published"},
    {"published_everywhere", "known to every worker"},
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
    {"lock_free", "from the lock's release to its taking", [](const FailoverRecord& r) { return between(r, Phase::lock_gone, Phase::lock_taken); }},
    {"withdrawal", "from the lock's release until no worker tells the old address", [](const FailoverRecord& r) { return between(r, Phase::lock_gone, Phase::withdrawn_everywhere); }},
    {"promotion", "from the lock's taking to the first word of the promotion", [](const FailoverRecord& r) { return promotion(r); }},
    {"gap", "from the withdrawal to the new address", [](const FailoverRecord& r) { return between(r, Phase::withdrawn, Phase::published); }},
    {"publication", "from the new address to its being known to every worker", [](const FailoverRecord& r) { return between(r, Phase::published, Phase::published_everywhere); }},
    {"first_answer", "from the new address to the first answer with it", [](const FailoverRecord& r) { return between(r, Phase::published, Phase::first_answer); }},
    {"old_tag", "from the lock's release until the catalog shows the old leader as primary no more", [](const FailoverRecord& r) { return between(r, Phase::lock_gone, Phase::old_tag_gone); }},
    {"longest_hold", "longest time that a question was held", [](const FailoverRecord& r) -> Span { return r.done ? Span(r.longest_hold()) : std::nullopt; }},
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
            if (const auto told = new_tally ? new_tally->first_told.load(std::memory_order_relaxed) : 0; told != 0)
                // A worker reads the clock once for a batch, before it takes the View.
                return std::max(Now(told), published.value_or(Now(told)));
            return std::nullopt;
        case Phase::old_tag_gone: return times.old_tag_gone;
        case Phase::count: break;
    }
    return std::nullopt;
}

Now FailoverRecord::began() const {
    std::optional<Now> first;
    for (std::size_t i = 0; i < failover_phases; ++i)
        if (const auto when = at(static_cast<Phase>(i))) first = std::min(first.value_or(*when), *when);
    return first.value_or(Now{});
}

namespace {

/// Patroni registers itself as `<scope>/<member>`.
LeaderSeat seat_by_tags(const Instance& instance) {
    const auto& address = instance.address.empty() ? instance.node->address : instance.address;
    return {instance.id.substr(instance.id.rfind('/') + 1), address.text, static_cast<std::uint16_t>(instance.port)};
}

}  // namespace

LeaderSeat seat_of(const Catalog& catalog, const LeaderEntry& entry) {
    if (entry.state == LeaderState::unreadable) {
        const auto* instance = leader_by_tags(catalog, entry);
        return instance ? seat_by_tags(*instance) : LeaderSeat{};
    }
    LeaderSeat seat{entry.member, entry.host.text, entry.port};
    if (entry.host.ip) return seat;
    if (const auto* host = host_row(catalog, entry.host); host && !(host->v4.empty() && host->v6.empty()))
        seat.address = (host->v4.empty() ? host->v6 : host->v4).front().text();
    else if (entry.node_address.ip)
        seat.address = entry.node_address.text;
    return seat;
}

FailoverRecord* Failovers::mine(const Scope& scope) {
    // Numbers follow each other, so that the place is known.
    if (scope.record == 0 || records_.empty() || scope.record < records_.front().number) return nullptr;
    return &records_[static_cast<std::size_t>(scope.record - records_.front().number)];
}

const FailoverRecord* Failovers::find(std::uint64_t number) const {
    if (records_.empty() || number < records_.front().number || number > records_.back().number) return nullptr;
    return &records_[static_cast<std::size_t>(number - records_.front().number)];
}

void Failovers::on_facts(const Catalog& offered) {
    for (const auto& [service, entry] : *offered.leaders) {
        Scope& scope = scopes_[service];
        scope.times = entry->times;
        // Late facts go into the record of their change; a new change opens its own when the answer moves.
        if (auto* record = mine(scope); record && scope.times.change != 0 && record->times.change == scope.times.change) record->times = scope.times;
    }
    std::erase_if(scopes_, [&](const auto& row) { return !offered.leaders->contains(row.first); });
}

void Failovers::take_times(Scope& scope, FailoverRecord& record) {
    if (scope.times.change == scope.taken) return;  // the answer moved without one: a host name has another address
    scope.taken = scope.times.change;
    record.times = scope.times;
}

FailoverRecord& Failovers::open(Scope& scope, const LeaderEntry& entry, Moment at) {
    if (records_.size() == records_max) {
        lost_late_ += records_.front().told_late();
        records_.pop_front();
    }
    FailoverRecord record;
    record.number = next_++;
    record.scope = entry.scope;
    record.service = entry.service;
    record.reason = word(entry.reason);
    record.old_leader = scope.seat;
    record.old_tally = scope.tally;
    take_times(scope, record);
    record.began_unix = at.unix_seconds;
    scope.record = record.number;
    scope.withdrawn_in = scope.published_in = 0;  // what the record before still waited for never came
    records_.push_back(std::move(record));
    return records_.back();
}

std::vector<LeaderNews> Failovers::on_view(const View& view, Moment at) {
    std::vector<LeaderNews> news;
    for (const auto& [service, page] : *view.book) {
        const auto leader = view.catalog->leaders->find(service);
        if (leader == view.catalog->leaders->end()) continue;
        const LeaderEntry& entry = *leader->second;
        Scope& scope = scopes_[service];
        if (scope.tally == page->tally && scope.answerable == page->answerable) continue;
        const bool was = std::exchange(scope.answerable, page->answerable);
        LeaderNews item{entry.scope, service, word(entry.reason), scope.seat, {}, entry.timeline, page->serial};
        auto* record = mine(scope);
        if (!page->answerable) {
            if (!was) continue;
            record = &open(scope, entry, at);
            record->withdrawn = at.now;
            record->gap = page->gap;
            scope.withdrawn_in = view.generation;
            news.push_back(std::move(item));
            continue;
        }
        const bool first = scope.answered.empty();
        if (!first && (!record || record->published)) record = &open(scope, entry, at);
        scope.tally = page->tally;
        scope.answered = page->answered;
        scope.seat = seat_of(*view.catalog, entry);
        if (first) {
            item.reason = "first known";
        } else {
            record->published = at.now;
            record->gap = page->gap;
            record->new_leader = scope.seat;
            record->new_tally = page->tally;
            record->timeline = entry.timeline;
            record->serial = page->serial;
            take_times(scope, *record);
            item.reason = record->reason;
            scope.published_in = view.generation;
        }
        item.leads = true;
        item.new_leader = scope.seat;
        news.push_back(std::move(item));
    }
    return news;
}

std::vector<std::uint64_t> Failovers::on_everyone(std::uint64_t generation, Now now) {
    std::vector<std::uint64_t> done;
    for (auto& [service, scope] : scopes_) {
        auto* record = mine(scope);
        const auto reached = [&](std::uint64_t& wanted) { return wanted != 0 && generation >= wanted && std::exchange(wanted, 0) != 0; };
        if (reached(scope.withdrawn_in) && record) record->withdrawn_everywhere = now;
        if (reached(scope.published_in) && record) {
            record->published_everywhere = now;
            record->done = true;
            done.push_back(record->number);
        }
    }
    return done;
}

std::uint64_t Failovers::told_late() const {
    std::uint64_t sum = lost_late_;
    for (const auto& record : records_) sum += record.told_late();
    return sum;
}

}  // namespace lictor
