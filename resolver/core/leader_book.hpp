// What does lictor tell of each leader service beside its address? A serial for its SOA, which rises when a *new* leader becomes
// answerable (PgBouncer's dns_zone_check_period follows it), and tallies in which the workers note what they told and held. One page per
// service, made anew with each View, so that a serial never rises before the address that it announces can be asked for. Pure.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "conf/base/clock.hpp"
#include "watch/catalog.hpp"
#include "watch/snapshot.hpp"

namespace lictor {

/// Answers with one leader's address. Written by any worker but for `deposed`, which the control thread sets the moment it learns that
/// this address must not be told any more: workers hold questions from then on, though they may not have seen the View that says so.
struct LeaderTally {
    std::atomic<bool> deposed{false};
    std::atomic<std::int64_t> deposed_at{0};  ///< monotonic microseconds, taken after `deposed` was set; 0 = not yet
    std::atomic<std::int64_t> first_told{0};  ///< monotonic microseconds of the first answer; 0 = none yet
    std::atomic<std::uint64_t> told_late{0};  ///< answers to questions that were read after `deposed_at`; none, or something is wrong here

    /// An answer with this address is made. `now`: when its question was read.
    void told(Now now) noexcept {
        if (first_told.load(std::memory_order_relaxed) == 0) {
            std::int64_t none = 0;
            first_told.compare_exchange_strong(none, now.count(), std::memory_order_relaxed);
        }
        const std::int64_t over = deposed_at.load(std::memory_order_acquire);
        if (over != 0 && now.count() > over) told_late.fetch_add(1, std::memory_order_relaxed);
    }
};

/// Questions held in one gap. Written by any worker.
struct GapTally {
    std::atomic<std::uint64_t> held{0}, expired{0};
    std::atomic<std::int64_t> longest{0};  ///< microseconds

    void released(microseconds after) noexcept {
        std::int64_t most = longest.load(std::memory_order_relaxed);
        while (after.count() > most && !longest.compare_exchange_weak(most, after.count(), std::memory_order_relaxed)) {
        }
    }
};

struct LeaderPage {
    std::string answered;      ///< what was answered last (member, host, port, addresses) as one text; empty = nobody so far
    bool answerable = false;   ///< it is answered in this View
    std::uint32_t serial = 0;  ///< 0 = nobody was answerable so far
    std::shared_ptr<LeaderTally> tally = std::make_shared<LeaderTally>();
    std::shared_ptr<GapTally> gap = std::make_shared<GapTally>();         ///< the last one, or the one that is on
    std::shared_ptr<GapTally> gap_ahead = std::make_shared<GapTally>();   ///< the one that begins while this View still names the deposed

    /// Where a question that is held now counts.
    GapTally& gap_on() const { return answerable ? *gap_ahead : *gap; }
};

/// By service, lower case.
using LeaderBook = TableOf<LeaderPage>;

/// The addresses behind a host name, as far as they are known.
const HostEntry* host_row(const Catalog& catalog, const HostText& host);
/// While the keys cannot be read: the instance that is answered; none if no tag names one.
const Instance* leader_by_tags(const Catalog& catalog, const LeaderEntry& entry);

/// What the leader's names are answered with, as one text to compare; empty while questions are held or refused.
std::string answered_as(const Catalog& catalog, const LeaderEntry& entry);

/// max(previous + 1, unix time), below 2^31: PgBouncer compares serials as signed numbers, beginning at 0.
std::uint32_t next_serial(std::uint32_t previous, std::int64_t unix_seconds);

using LeaderMarks = std::map<std::string, LeaderMark>;

/// The book of a View with `catalog` that follows one with `book`; the same object when nothing in it changes. `marks`: serials from
/// before a restart, for services that have no page yet.
std::shared_ptr<const LeaderBook> next_book(const std::shared_ptr<const LeaderBook>& book, const Catalog& catalog, std::int64_t unix_seconds,
                                            const LeaderMarks& marks = {});
LeaderMarks marks_of(const LeaderBook& book);

/// The moment `offered` is known: what `book` tells and `offered` does not is deposed. `clock` is asked when that is so.
void depose(const LeaderBook& book, const Catalog& offered, Now (*clock)());

}  // namespace lictor
