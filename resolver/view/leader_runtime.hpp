// The state of each leader service besides its address. It has a serial for the SOA, which rises when a new leader may be answered
// (PgBouncer's dns_zone_check_period polls it), the flag `deposed`, and counters that the workers raise. A change replaces the entry and is
// published in the View with the new address, so a serial never rises before that address can be queried. Pure.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "conf/base/clock.hpp"
#include "watch/catalog/catalog.hpp"
#include "watch/catalog/snapshot.hpp"
#include "watch/polling/watch_report.hpp"

namespace lictor::view {

/// Answers with one leader's address. Workers write all fields but `deposed` and `deposed_at`. The control thread sets these as soon as the
/// address must not be answered any more; from then on workers hold queries, even before they take the View without the address.
struct LeaderCounters {
    std::atomic<bool> deposed{false};
    std::atomic<std::int64_t> deposed_at{0};      ///< monotonic microseconds, read after `deposed` was set; 0 = not deposed
    std::atomic<std::int64_t> first_answered{0};  ///< monotonic microseconds of the first answer; 0 = none yet
    std::atomic<std::uint64_t> answered_late{0};  ///< answers to queries read after `deposed_at`; more than 0 is a defect of lictor

    /// Counts an answer with this address. `now`: when its query was read. May be called by any worker.
    void count_answer(Now now) noexcept {
        if (first_answered.load(std::memory_order_relaxed) == 0) {
            std::int64_t none = 0;
            first_answered.compare_exchange_strong(none, now.count(), std::memory_order_relaxed);
        }
        const std::int64_t deposed_since = deposed_at.load(std::memory_order_acquire);
        if (deposed_since != 0 && now.count() > deposed_since) answered_late.fetch_add(1, std::memory_order_relaxed);
    }
};

/// Counters of the queries that are held in one gap. Any worker may write them.
struct GapCounters {
    std::atomic<std::uint64_t> held{0}, expired{0};
    std::atomic<std::int64_t> longest{0};       ///< longest hold, in microseconds
    std::atomic<std::int64_t> first_answer{0};  ///< monotonic microseconds of the first answer to one of them; 0 = none

    /// Notes that a held query was answered.
    void answered(Now now) noexcept {
        std::int64_t none = 0;
        first_answer.compare_exchange_strong(none, now.count(), std::memory_order_relaxed);
    }
    /// Notes the length of a hold that has ended, with an answer or not.
    void released(microseconds after) noexcept {
        std::int64_t most = longest.load(std::memory_order_relaxed);
        while (after.count() > most && !longest.compare_exchange_weak(most, after.count(), std::memory_order_relaxed)) {
        }
    }
};

/// The state of one leader service. Immutable but for the counters that it shares with earlier entries.
struct RuntimeEntry {
    std::string answered;      ///< the last answer (member, host, port, addresses) as one text to compare; empty = none so far
    bool answerable = false;   ///< true if a View with this entry answers an address
    std::uint32_t serial = 0;  ///< 0 = never answerable so far
    std::shared_ptr<LeaderCounters> counters = std::make_shared<LeaderCounters>();
    std::shared_ptr<GapCounters> gap = std::make_shared<GapCounters>();  ///< the last gap, or the present one
    std::shared_ptr<GapCounters> gap_ahead =
        std::make_shared<GapCounters>();  ///< the gap that begins while this View still has a deposed leader

    std::shared_ptr<catalog::Usage> usage = std::make_shared<catalog::Usage>();  ///< queries for names of this service's cluster

    /// The counters for a query that is held now.
    GapCounters& current_gap() const { return answerable ? *gap_ahead : *gap; }
};

/// Key: service name in lower case.
using LeaderRuntime = catalog::TableOf<RuntimeEntry>;

/// The row of the host table with the addresses of a host name; null if the name was not resolved. Owned by the Catalog.
const catalog::HostEntry* host_row(const catalog::Catalog& catalog, const catalog::HostText& host);
/// The instance that is answered while Patroni's keys cannot be read; null if no instance has the leader tag. Owned by the Catalog.
const catalog::Instance* leader_by_tags(const catalog::Catalog& catalog, const catalog::LeaderEntry& entry);

/// The answer for the leader's names as one text to compare; empty while there is no address to answer.
std::string answered_as(const catalog::Catalog& catalog, const catalog::LeaderEntry& entry);

/// max(previous + 1, unix time), below 2^31: PgBouncer compares serials as signed numbers and begins at 0.
std::uint32_t next_serial(std::uint32_t previous, std::int64_t unix_seconds);

using LeaderMarks = std::map<std::string, catalog::LeaderMark>;

/// The runtime of a View with `catalog` that follows a View with `previous`; the same object if nothing changes. `marks`: serials from
/// before a restart, for services without an entry.
std::shared_ptr<const LeaderRuntime> next_runtime(const std::shared_ptr<const LeaderRuntime>& previous, const catalog::Catalog& catalog,
                                                  std::int64_t unix_seconds, const LeaderMarks& marks = {});
/// The serials to keep across a restart.
LeaderMarks marks_of(const LeaderRuntime& runtime);

/// Sets `asked_seconds` of the rows of leaders at `now`.
void report_usage(const LeaderRuntime& runtime, Now now, std::vector<polling::WatchReport>& rows);

/// Sets `deposed` for each leader that `runtime` answers and `offered` does not. To be called as soon as `offered` is known. `clock` is
/// read after each flag is set.
void depose(const LeaderRuntime& runtime, const catalog::Catalog& offered, Now (*clock)());

}  // namespace lictor::view
