// The cache: whole replies by the question that they answer. Keys are compared byte by byte; the hash is seeded, so that clients cannot
// fill one bucket. Entries and bytes are bounded, the bytes by memory-max too; the least recently used entry is removed first, and failures
// before replies. A reply is never used for another question than its own (RFC 5452 §6, RFC 2308). Used by one thread; times are arguments.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "conf/base/clock.hpp"
#include "conf/metrics/metrics_fwd.hpp"
#include "resolver/answer/answer.hpp"
#include "resolver/wire/message.hpp"
#include "resolver/wire/stored_reply.hpp"

namespace lictor::forward {

/// Questions with equal keys have the same answer.
struct QuestionKey {
    wire::Name lower;
    std::uint16_t type = 0, klass = 0;
    bool dnssec_ok = false, checking_disabled = false;
    std::uint64_t client = 0;  ///< not 0: hash of further data in the query (client subnet, strict mode); such answers are not cached
    bool by_stream = false;    ///< asked over TCP: the agent truncates its answers to the transport, mostly without TC
    bool authentic = false;    ///< proxy-dnssec: AD in the query, so that the reply says whether the upstream validated it (RFC 6840 §5.7)
    bool operator==(const QuestionKey&) const = default;

    /// The key of a client's question, with `client` 0 and `by_stream` false, which the caller sets where they apply.
    static QuestionKey of(const wire::Question& question) {
        return {question.lower, question.type, question.klass, question.edns.dnssec_ok, question.header.cd(), 0, false};
    }
};

class Cache {
public:
    Cache(metrics::WorkerCounters& counters, std::uint64_t seed);
    ~Cache();
    Cache(const Cache&) = delete;
    Cache& operator=(const Cache&) = delete;

    /// Sets the bounds, and evicts entries down to them. `entries` 0: nothing is cached.
    void limit(std::size_t entries, std::size_t bytes, Now now);

    /// A hit; valid until the next call that is not const.
    struct Hit {
        wire::StoredReply reply;
        std::uint32_t age = 0;   ///< whole seconds since it was cached
        std::uint32_t turn = 0;  ///< number of times it was found, this one included
        microseconds left{0};    ///< until it expires; negative: expired
        answer::Cause cause{};
        std::optional<std::uint16_t> extended_error;
        bool failure = false;
        std::optional<microseconds> expired;  ///< how long ago it expired; set only with `stale_for`
    };
    /// `stale_for`: an expired reply is found for this time longer, 0 = without limit; failures are not.
    std::optional<Hit> find(const wire::Question& question, Now now, std::optional<microseconds> stale_for = {}, bool by_stream = false,
                            bool authentic = false);
    /// The same without an effect: no entry is removed, moved or counted.
    std::optional<Hit> look(const wire::Question& question, Now now, std::optional<microseconds> stale_for = {}, bool by_stream = false,
                            bool authentic = false) const;

    /// True if the cache holds an unexpired answer with records of another type for the name of `key`: the name exists. Looks for the types
    /// that names commonly have.
    bool has_other_type(const QuestionKey& key, Now now) const;

    /// A reply to cache; `put` copies it. `message`, `ttl_at` and `rotation` as in StoredReply.
    struct Item {
        wire::Bytes message;
        std::span<const std::uint16_t> ttl_at;
        wire::Rotation rotation;
        answer::Cause cause{};
        std::optional<std::uint16_t> extended_error;  ///< of a failure
        microseconds lifetime{0};
        bool failure = false;  ///< a SERVFAIL of ours (RFC 9520), not an upstream's answer
    };
    /// Replaces the entry of the key. If `lifetime` is 0 or the reply is too large (above 4 KiB: more than a quarter of the
    /// byte limit), the old entry is only removed.
    void put(const QuestionKey& key, const Item& item, Now now);

    /// Removes all entries at or below a lower-case name. Returns their number.
    std::size_t flush(const wire::Name& suffix);
    /// Removes cached failures: with other upstreams the queries may succeed.
    void erase_failures();
    /// Removes the failures that have expired: nobody asks for most of them again.
    void drop_expired_failures(Now now);
    /// Removes the least recently used entries until `bytes` are free or the cache has `kept` bytes left.
    void give_up(std::size_t bytes, std::size_t kept, Now now);

    /// Calls visit(name, type, message, expiry) for each reply, most recently used first, until it returns false. Failures
    /// are skipped, expired replies are not.
    void for_each(const std::function<bool(const wire::Name&, std::uint16_t, wire::Bytes, Now)>& visit) const;

private:
    struct Entry;
    std::uint64_t hash_of(wire::Bytes lower, std::uint16_t type, std::uint16_t klass, unsigned flags) const;
    /// The entry with these values, expired or not; null if there is none.
    Entry* entry_of(const wire::Question& question, bool by_stream, bool authentic) const;
    /// True if the entry may be used at `now`. `hit_of`: such an entry as a Hit.
    static bool is_usable(const Entry& entry, Now now, std::optional<microseconds> stale_for);
    static Hit hit_of(Entry& entry, Now now);
    Entry* entry_of(wire::Bytes lower, std::uint16_t type, std::uint16_t klass, unsigned flags, std::uint64_t hash) const;
    /// Entries in the order of use.
    struct Order {
        Entry* newest = nullptr;
        Entry* oldest = nullptr;
    };
    Order& order_of(const Entry& entry);
    void link(Entry* entry);
    void unlink(Entry* entry);
    /// The entry to remove first; null if the cache is empty.
    Entry* first_to_go() const { return failures_.oldest ? failures_.oldest : replies_.oldest; }
    void to_front(Entry* entry);
    void remove(Entry* entry);
    void make_room(std::size_t entries, std::size_t bytes, Now now);
    void grow();
    template <class Which>
    std::size_t remove_if(Which which);
    void gauges();

    metrics::WorkerCounters& counters_;
    wire::NameHash hash_;
    std::vector<Entry*> buckets_;  ///< owns, through each entry's `next_in_bucket`
    Order replies_, failures_;
    std::size_t count_ = 0, bytes_ = 0;
    std::size_t entries_max_ = 0, bytes_max_ = 0;
};

}  // namespace lictor::forward
