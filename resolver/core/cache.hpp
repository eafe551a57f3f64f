// Replies kept by the question they answer: whole messages, found by comparing the key itself (the hash is seeded, so that nobody can aim
// at one bucket), bounded in number and in real bytes, the longest unused going first. Nothing is ever filled from another question's
// reply (RFC 5452 §6, RFC 2308). Belongs to one worker; times come from the caller.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "conf/base/clock.hpp"
#include "conf/metrics.hpp"
#include "resolver/core/stored_reply.hpp"
#include "resolver/wire/message.hpp"

namespace lictor {

/// What two questions must share to have the same answer.
struct QuestionKey {
    Name lower;
    std::uint16_t type = 0, klass = 0;
    bool dnssec_ok = false, checking_disabled = false;
    std::uint64_t client = 0;    ///< not 0: the question carries data of this client and its answer is for nobody else
    bool by_stream = false;      ///< the agent's DNS, whose answer over TCP is another than over UDP, often without a word
    bool operator==(const QuestionKey&) const = default;

    static QuestionKey of(const Question& question) {
        return {question.lower, question.type, question.klass, question.edns.dnssec_ok, question.header.cd(), 0, false};
    }
};

class Cache {
public:
    Cache(WorkerCounters& counters, std::uint64_t seed);
    ~Cache();
    Cache(const Cache&) = delete;
    Cache& operator=(const Cache&) = delete;

    /// `entries` 0: nothing is kept.
    void limit(std::size_t entries, std::size_t bytes, Now now);

    /// A hit; valid until the next call that is not const.
    struct Hit {
        StoredReply reply;
        std::uint32_t age = 0;    ///< whole seconds since it was kept
        std::uint32_t turn = 0;   ///< how often it was found before
        bool expired = false;     ///< its time is over; `stale_for` let it live on
    };
    /// `stale_for`: what has expired is still found for so long, 0 = for ever.
    std::optional<Hit> find(const Question& question, Now now, std::optional<microseconds> stale_for = {}, bool by_stream = false);

    struct Item {
        Bytes message;                            ///< as StoredReply
        std::span<const std::uint16_t> ttl_at;
        Rotation rotation;
        std::optional<std::uint16_t> extended_error;
        microseconds lifetime{0};
        bool failure = false;                     ///< a SERVFAIL of ours (RFC 9520), not an upstream's answer
    };
    /// Takes the place of what was kept for the key; without a lifetime that is only dropped.
    void put(const QuestionKey& key, const Item& item, Now now);

    /// Drops everything at or below a lower-case name; gives the number.
    std::size_t flush(const Name& suffix);
    /// Drops remembered failures: what failed may work with other upstreams.
    void forget_failures();

    /// visit(name, type, message, when it ends) for each reply that is kept, the one used last first, until it returns false.
    void for_each(const std::function<bool(const Name&, std::uint16_t, Bytes, Now)>& visit) const;

    std::size_t size() const { return count_; }
    std::size_t bytes() const { return bytes_; }

private:
    struct Entry;
    std::uint64_t hash_of(Bytes lower, std::uint16_t type, std::uint16_t klass, unsigned flags) const;
    void unlink(Entry* entry);
    void to_front(Entry* entry);
    void remove(Entry* entry);
    void make_room(std::size_t entries, std::size_t bytes, Now now);
    void grow();
    template <class Which>
    std::size_t remove_if(Which which);
    void gauges();

    WorkerCounters& counters_;
    NameHash hash_;
    std::vector<Entry*> buckets_;   ///< owns, through each entry's `next_in_bucket`
    Entry* newest_ = nullptr;
    Entry* oldest_ = nullptr;
    std::size_t count_ = 0, bytes_ = 0;
    std::size_t entries_max_ = 0, bytes_max_ = 0;
};

}  // namespace lictor
