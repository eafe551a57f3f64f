// The table of queries in flight: one entry for each distinct question, with the clients that wait and the attempts that run. Identical
// queries share an entry, which prevents birthday attacks (RFC 5452 §5). A client's retransmission is not a second waiter. All numbers
// are bounded. attempts.cpp decides what is sent and when.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

#include "conf/base/clock.hpp"
#include "resolver/answer/actions.hpp"
#include "resolver/forward/cache.hpp"
#include "resolver/forward/scrub.hpp"
#include "resolver/forward/upstreams.hpp"

namespace lictor::forward {

/// A waiting client, with the parts of its query that its reply repeats.
struct Waiter {
    answer::Client client;
    std::uint16_t id = 0, bits = 0;
    wire::Edns edns;
    bool over_tcp = false;
    std::array<std::uint8_t, 32> capitals{};  ///< one bit for each byte of the name; set: upper case in the query

    /// The waiter for a query, which arrived at `now` if it did not wait before; it holds no reference to either.
    static Waiter of(const wire::Question& question, const answer::Client& client, Now now);
    /// The name as the client wrote it. `lower`: the entry's.
    wire::Name name(const wire::Name& lower) const;
    bool operator==(const Waiter& other) const { return id == other.id && client == other.client && capitals == other.capitals; }
};

/// One query sent to one upstream, and its socket.
struct Attempt {
    answer::AttemptId id = 0;
    std::size_t member = 0;  ///< index in the entry's group
    answer::Transport transport = answer::Transport::udp;
    std::uint16_t dns_id = 0;
    bool edns = true;
    bool headless_error = false;  ///< FORMERR or NOTIMP without a question section came, as from a server without EDNS
    bool letters = false;         ///< 0x20: the reply must repeat the letter case of `name`
    wire::Name name;
    /// `wait_ends`: the usual time for a reply has passed. `closes`: end of the attempt.
    Now sent{}, wait_ends{}, closes{};
};

/// One query in flight.
struct InFlight {
    QuestionKey key;
    std::shared_ptr<Group> group;
    std::uint64_t epoch = 0;  ///< number of the Rules that it began under
    std::vector<Waiter> waiters;
    std::vector<Attempt> attempts;  ///< open
    std::vector<Tried> tried;       ///< by member
    std::vector<bool> plain;        ///< by member: asked without EDNS for this query
    unsigned tries = 0;             ///< attempts so far; changes of transport or EDNS are not counted
    Now begun{}, ends{}, failed{};  ///< `failed`: when it began to linger
    std::optional<Now> next_try;
    std::optional<std::uint16_t> extended_error;  ///< the last one in an upstream's reply
    std::vector<std::uint8_t> options;            ///< RDATA of OPT in the query
    /// Strict mode: the client's query, sent unchanged to the agent's DNS; the reply is returned unchanged.
    std::shared_ptr<const wire::Question> as_asked;
    bool all = false;                     ///< every member is asked at once
    bool refresh = false;                 ///< started without a waiter, after a stale answer
    bool lingers = false;                 ///< its clients got SERVFAIL; its sockets are open for a late reply, until `ends`
    bool replied = false;                 ///< some upstream replied, but not with an answer
    bool unreachable = false;             ///< some upstream could not be reached
    std::unique_ptr<CleanReply> denied;   ///< an NXDOMAIN that waits for the answer to the query for the other address family
    std::unique_ptr<CleanReply> partial;  ///< a truncated reply with records, if the upstream cannot be asked over TCP
    std::uint64_t number = 0;             ///< unique, never reused
    Now due{};                            ///< the time by which `due` returns it
    /// The client that the query log names: the first waiter.
    answer::Client asker() const { return waiters.empty() ? answer::Client{} : waiters.front().client; }
};

class Pending {
public:
    explicit Pending(std::uint64_t seed) : entries_(16, KeyHash{wire::NameHash(seed)}) {}

    /// Null if the query is not in flight. Entries are owned by the table, until `remove`.
    InFlight* find(const QuestionKey& key, const Group* group);
    /// Adds an entry without waiters and attempts. The key and group must not be in flight; `group` is not null. `due` returns the entry
    /// only after `schedule`.
    InFlight& add(const QuestionKey& key, std::shared_ptr<Group> group, std::uint64_t epoch);
    /// Removes an entry with its waiters and attempts; the reference is invalid afterwards. Sockets of open attempts are not closed.
    void remove(InFlight& entry);

    /// Result of `join`.
    enum class Join : std::uint8_t { joined, repeated, full };
    /// Adds a waiter, unless it is a retransmission over UDP (`repeated`) or a bound is reached (`full`). `total_max`: bound of the waiters
    /// of all entries.
    Join join(InFlight& entry, Waiter waiter, std::size_t total_max);

    /// The attempts by id: adds one, removes one, finds the entry of one (null if it is closed).
    void watch(const Attempt& attempt, InFlight& entry) { by_attempt_[attempt.id] = &entry; }
    void unwatch(answer::AttemptId attempt) { by_attempt_.erase(attempt); }
    InFlight* of_attempt(answer::AttemptId attempt) const;

    /// Sets the time at which `due` returns the entry.
    void schedule(InFlight& entry, Now due);
    /// The earliest time that was scheduled; nothing if no entry is in flight.
    std::optional<Now> deadline() const;
    /// The entry with the earliest time, if that is not after `now`; else null.
    InFlight* due(Now now) const;

    /// Removes all waiters of an entry; they have been answered.
    void drop_waiters(InFlight& entry);
    /// Removes the waiters of a TCP connection; 0 (UDP) does nothing. Entries stay in flight, so their replies are still cached.
    void drop_connection(std::uint64_t connection);
    /// Entries at or below a name. A copy, so that the caller may change the table while it iterates.
    std::vector<InFlight*> below(const wire::Name& suffix);
    /// Number of entries, and of the waiters of all entries.
    std::size_t size() const { return entries_.size(); }
    std::size_t waiters() const { return waiters_; }

private:
    struct KeyHash {
        wire::NameHash hash;
        std::size_t operator()(const std::pair<QuestionKey, const Group*>& key) const;
    };
    /// Counts one waiter less.
    void waiter_gone(const Waiter& waiter);

    std::unordered_map<std::pair<QuestionKey, const Group*>, std::unique_ptr<InFlight>, KeyHash> entries_;
    std::unordered_map<answer::AttemptId, InFlight*> by_attempt_;
    std::set<std::pair<std::pair<Now, std::uint64_t>, InFlight*>> order_;
    std::unordered_map<std::uint64_t, std::size_t> tcp_waiters_;  ///< by connection
    std::size_t waiters_ = 0;
    std::uint64_t next_number_ = 1;
};

}  // namespace lictor::forward
