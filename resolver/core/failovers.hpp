// The black box: what happened, when, in each change of leader? A bounded ring of records. Facts come with each Catalog that the watcher
// offers, the publishing with each View, the telling from the tallies that workers write (leader_book.hpp): what is shown as "answers
// with the old address after the lock moved" is counted by those who answered. Times are given in, none is taken here. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "resolver/core/leader_book.hpp"
#include "resolver/core/resolver.hpp"

namespace lictor {

enum class FailoverPhase : std::uint8_t {
    announced, lock_gone, withdrawn, withdrawn_everywhere, lock_taken, promoted_by_kv, promoted_by_probe, promoted_by_tag, published,
    published_everywhere, first_answer, old_tag_gone, count,
};
constexpr std::size_t failover_phases = static_cast<std::size_t>(FailoverPhase::count);
/// Key in JSON, label in metrics.
const char* word(FailoverPhase);
/// For people.
const char* sentence(FailoverPhase);

struct LeaderSeat {
    std::string member, address;  ///< address: an IP where one is known, else the host's name
    std::uint16_t port = 0;
    bool operator==(const LeaderSeat&) const = default;
};

struct FailoverRecord {
    std::uint64_t number = 0;
    std::string scope, service, reason;  ///< reason: why the old address was withdrawn
    LeaderSeat old_leader, new_leader;
    std::optional<std::uint64_t> timeline;
    std::uint32_t serial = 0;
    std::int64_t began_unix = 0;
    bool done = false;                   ///< the new address is answered by every worker
    LeaderTimes times;
    std::optional<Now> withdrawn, withdrawn_everywhere, published, published_everywhere;
    std::shared_ptr<const LeaderTally> old_tally, new_tally;
    std::shared_ptr<const GapTally> gap;

    std::optional<Now> at(FailoverPhase phase) const;
    /// The first sign of the change.
    Now began() const;
    std::uint64_t held() const { return gap ? gap->held.load(std::memory_order_relaxed) : 0; }
    std::uint64_t expired() const { return gap ? gap->expired.load(std::memory_order_relaxed) : 0; }
    microseconds longest_hold() const { return microseconds(gap ? gap->longest.load(std::memory_order_relaxed) : 0); }
    std::uint64_t told_late() const { return old_tally ? old_tally->told_late.load(std::memory_order_relaxed) : 0; }
    bool same_leader() const { return done && old_leader == new_leader; }
};

/// A span of a failover that a metric is kept of.
struct FailoverSpan {
    const char* name;
    const char* help;
    std::optional<microseconds> (*of)(const FailoverRecord&);
};
std::span<const FailoverSpan> failover_spans();

/// Somebody leads who did not lead before, or nobody does any more.
struct LeaderNews {
    std::string scope, service, reason;
    LeaderSeat old_leader, new_leader;  ///< old_leader empty: the first one that is known
    std::optional<std::uint64_t> timeline;
    std::uint32_t serial = 0;
    bool leads = false;                 ///< somebody does; else the old one was withdrawn
};

class Failovers {
public:
    static constexpr std::size_t records_max = 64;

    /// The watcher has something new; the Views with it come later.
    void on_facts(const Catalog& offered);
    /// A View goes to the workers. Gives what there is to tell about it.
    std::vector<LeaderNews> on_view(const View& view, Moment at);
    /// Every worker has gone on to `generation`. Gives the numbers of the records that are done by that.
    std::vector<std::uint64_t> on_everyone(std::uint64_t generation, Now now);

    /// Oldest first.
    const std::deque<FailoverRecord>& records() const { return records_; }
    const FailoverRecord* find(std::uint64_t number) const;
    std::uint64_t total() const { return next_ - 1; }
    /// Over all records, those too that the ring has lost.
    std::uint64_t told_late() const;

private:
    struct Scope {
        LeaderTimes times;        ///< as last told
        std::uint64_t taken = 0;  ///< the change whose times a record has
        LeaderSeat seat;        ///< of who is or was answered last
        std::string answered;   ///< the book's word for it
        bool answerable = false;
        std::shared_ptr<const LeaderTally> tally;
        std::uint64_t record = 0;                 ///< the last one; 0 = none yet
        std::uint64_t withdrawn_in = 0, published_in = 0;  ///< generations that not everybody has reached yet
    };
    FailoverRecord* mine(const Scope& scope);
    /// The times of a change that no record has yet go to this one.
    static void take_times(Scope& scope, FailoverRecord& record);
    FailoverRecord& open(Scope& scope, const LeaderEntry& entry, Moment at);

    std::map<std::string, Scope> scopes_;  ///< by service
    std::deque<FailoverRecord> records_;
    std::uint64_t next_ = 1, lost_late_ = 0;
};

/// Where the leader is, as far as an address is known.
LeaderSeat seat_of(const Catalog& catalog, const LeaderEntry& entry);

}  // namespace lictor
