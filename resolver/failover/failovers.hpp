// What happened in each change of leader, and when? The answer is a record; a limited number of records is stored. Consul's facts are taken
// from each Catalog that the watcher offers, times of publishing from each View, answers and holds from the counters that workers raise
// (view/leader_runtime.hpp). All times are arguments. Pure; used on the control thread only.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "resolver/view/leader_runtime.hpp"
#include "resolver/view/view.hpp"

namespace lictor::failover {

/// The moments of a fail-over. Facts of Consul and Patroni: catalog::LeaderTimes. Phases may be missing, or be reached in another order.
enum class FailoverPhase : std::uint8_t {
    announced,             ///< Patroni's `failover` key requested a switchover
    lock_gone,             ///< the lock left the old leader
    withdrawn,             ///< a View without the old address was published
    withdrawn_everywhere,  ///< every worker has taken that View
    lock_taken,            ///< by the new leader
    promoted_by_kv,        ///< the new leader's member key in Consul shows primary and running
    promoted_by_probe,     ///< its REST API reported primary
    promoted_by_tag,       ///< the catalog shows it as passing and tagged primary
    published,             ///< a View with the new address was published
    published_everywhere,  ///< every worker has taken that View
    first_answer,          ///< a worker answered the new address
    old_tag_gone,          ///< the catalog no longer shows the old leader as passing and tagged primary
    count,
};
constexpr std::size_t failover_phases = static_cast<std::size_t>(FailoverPhase::count);
/// Key in JSON, label in metrics.
const char* word(FailoverPhase);
/// Text for the terminal.
const char* sentence(FailoverPhase);

/// A leader's member name, address and port.
struct LeaderAddress {
    std::string member, address;  ///< address: the IP address if it is known, else the host name
    std::uint16_t port = 0;
    bool operator==(const LeaderAddress&) const = default;
};

/// One change of a leader's answer. Times in `times` and the four below it are monotonic.
struct FailoverRecord {
    std::uint64_t number = 0;
    std::string scope, service, reason;  ///< reason: why the old address was withdrawn
    LeaderAddress old_leader, new_leader;
    std::optional<std::uint64_t> timeline;
    std::uint32_t serial = 0;
    std::int64_t began_unix = 0;
    bool done = false;                  ///< every worker answers the new address
    std::uint64_t connections_cut = 0;  ///< connections to the old leader that were ended (leader-cut)
    catalog::LeaderTimes times;
    std::optional<Now> withdrawn, withdrawn_everywhere, published, published_everywhere;
    std::shared_ptr<const view::LeaderCounters> old_counters, new_counters;
    std::shared_ptr<const view::GapCounters> gap;

    /// When the phase was reached, monotonic; nothing if it was not.
    std::optional<Now> at(FailoverPhase phase) const;
    /// The earliest phase.
    Now began() const;
    /// Queries held in the gap, how many of them ended without an answer, and the longest hold; 0 before the gap is known. Workers may
    /// still raise these counters.
    std::uint64_t held() const { return gap ? gap->held.load(std::memory_order_relaxed) : 0; }
    /// When a query that was held in the gap was answered first; nothing if none was held and answered.
    std::optional<Now> first_held_answer() const;
    std::uint64_t expired() const { return gap ? gap->expired.load(std::memory_order_relaxed) : 0; }
    microseconds longest_hold() const { return microseconds(gap ? gap->longest.load(std::memory_order_relaxed) : 0); }
    /// Answers with the old address after its withdrawal; more than 0 is a defect of lictor.
    std::uint64_t answered_late() const { return old_counters ? old_counters->answered_late.load(std::memory_order_relaxed) : 0; }
    /// True if the withdrawn leader was published again.
    bool same_leader() const { return done && old_leader == new_leader; }
};

/// A time span within a fail-over that is exported as a metric.
struct FailoverSpan {
    const char* name;
    const char* help;
    std::optional<microseconds> (*of)(const FailoverRecord&);
};
/// All spans, in static memory. `of` returns nothing while the span has not ended; it is never below 0.
std::span<const FailoverSpan> failover_spans();

/// A leader was withdrawn, or a new one may now be answered.
struct LeaderChange {
    std::string scope, service, reason;
    LeaderAddress old_leader, new_leader;  ///< old_leader empty: the first leader since the start
    std::optional<std::uint64_t> timeline;
    std::uint32_t serial = 0;
    bool leads = false;  ///< false: the old leader was withdrawn
};

class Failovers {
public:
    static constexpr std::size_t records_max = 64;

    /// A Catalog was offered; the Views with it come later.
    void on_facts(const catalog::Catalog& offered);
    /// A View was published. Returns the changes of leaders in it.
    std::vector<LeaderChange> on_view(const view::View& view, Moment at);
    /// Every worker has taken `generation`. Returns the numbers of the records that this completes.
    std::vector<std::uint64_t> on_all_workers(std::uint64_t generation, Now now);

    /// Connections to the service's deposed leader were ended: counted in its last record.
    void on_connections_cut(const std::string& service, std::uint64_t connections);

    /// Oldest first.
    const std::deque<FailoverRecord>& records() const { return records_; }
    /// Null if the record never existed or has left the ring. Valid until the next `on_view`.
    const FailoverRecord* find(std::uint64_t number) const;
    /// Number of records since the start.
    std::uint64_t total() const { return next_ - 1; }
    /// Answers with an old address after its withdrawal, over all records since the start; more than 0 is a defect of lictor.
    std::uint64_t answered_late() const;

private:
    struct Scope {
        catalog::LeaderTimes times;  ///< of the last Catalog offered
        std::uint64_t taken = 0;     ///< the change whose times are in a record
        LeaderAddress leader;        ///< of the leader that is or was answered last
        std::string answered;        ///< RuntimeEntry::answered of it
        bool answerable = false;
        std::shared_ptr<const view::LeaderCounters> counters;
        std::uint64_t record = 0;                          ///< number of the last record; 0 = none
        std::uint64_t withdrawn_in = 0, published_in = 0;  ///< generations that not all workers have taken; 0 = none
    };
    /// The scope's last record; null if there is none or it has left the ring.
    FailoverRecord* last_record(const Scope& scope);
    /// Puts the times of a change that is in no record yet into this one.
    static void take_times(Scope& scope, FailoverRecord& record);
    /// Adds a record for the scope, and removes the oldest one above records_max. Valid until the next `open`.
    FailoverRecord& open(Scope& scope, const catalog::LeaderEntry& entry, Moment at);

    std::map<std::string, Scope> scopes_;  ///< by service
    std::deque<FailoverRecord> records_;
    std::uint64_t next_ = 1, lost_late_ = 0;
};

/// Member, address and port of the leader that `entry` answers.
LeaderAddress leader_address_of(const catalog::Catalog& catalog, const catalog::LeaderEntry& entry);

}  // namespace lictor::failover
