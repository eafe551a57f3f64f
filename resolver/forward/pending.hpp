// The table of queries in flight: one entry for each distinct question, with the clients that wait and the attempts that run. Identical
// queries share an entry, which prevents birthday attacks (RFC 5452 §5). A client's retransmission is not a second waiter. All numbers
// are bounded, and no client may have so many entries or waiters that none are left for the others (clients/shares.hpp). The bytes are
// entered in the worker's account. attempts.cpp decides what is sent and when.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "conf/base/clock.hpp"
#include "conf/budget/budget.hpp"
#include "resolver/answer/actions.hpp"
#include "resolver/clients/shares.hpp"
#include "resolver/forward/cache.hpp"
#include "resolver/forward/scrub.hpp"
#include "resolver/forward/upstreams.hpp"

namespace lictor::forward {

/// Which letters of a name are upper case: one bit for each byte of the name.
using Capitals = std::array<std::uint8_t, 32>;
/// Their places in `written`, which is equal to `lower` but for the letter case; and the name with them.
Capitals capitals_of(const wire::Name& written, const wire::Name& lower);
wire::Name with_capitals(const wire::Name& lower, const Capitals& capitals);

/// A waiting client, with the parts of its query that its reply repeats.
struct Waiter {
    answer::Client client;
    std::uint16_t id = 0, bits = 0;
    wire::Edns edns;
    bool over_tcp = false;
    Capitals capitals{};  ///< of the name in the query

    /// The waiter for a query, which arrived at `now` if it did not wait before; it holds no reference to either.
    static Waiter of(const wire::Question& question, const answer::Client& client, Now now);
    /// The name as the client wrote it. `lower`: the entry's.
    wire::Name name(const wire::Name& lower) const { return with_capitals(lower, capitals); }
    bool operator==(const Waiter& other) const { return id == other.id && client == other.client && capitals == other.capitals; }
};

/// One query sent to one upstream, and its socket.
struct Attempt {
    answer::AttemptId id = 0;
    std::size_t member = 0;  ///< index in the entry's group
    answer::Transport transport = answer::Transport::udp;
    std::uint16_t dns_id = 0;
    bool edns = true;
    bool headless_error = false;                   ///< FORMERR or NOTIMP without a question section came, as from a server without EDNS
    std::optional<UpstreamCookie::Client> cookie;  ///< the client cookie in the query
    bool bad_cookie = false;                       ///< sent after BADCOOKIE, with the server cookie of that reply
    bool letters = false;                          ///< 0x20: the reply must repeat the letter case of the name, `capitals`
    Capitals capitals{};
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
    std::size_t extra = 0;                ///< bytes of the members that are not of a fixed size; see Pending::weigh
    /// Of whom it is: the client whose query began it. None while it lingers.
    std::optional<clients::ClientKey> owner;
    Now due{};  ///< the time by which `due` returns it
    /// The client that the query log names: the first waiter.
    answer::Client asker() const { return waiters.empty() ? answer::Client{} : waiters.front().client; }
};

class Pending {
public:
    /// Enters its bytes in `account`, which must outlive it.
    Pending(std::uint64_t seed, budget::Account& account)
        : held_(account, budget::Kind::forward), entries_(16, Hash{wire::NameHash(seed)}), begun_(seed), waiting_(seed) {}

    /// Bytes of one query in flight, of one waiter, and of one attempt, with the memory that the allocator, the tables and the socket
    /// (net/links, the kernel) need beside the objects.
    static constexpr std::size_t entry_bytes = sizeof(InFlight) + 256, waiter_bytes = sizeof(Waiter) + sizeof(Waiter) / 4,
                                 attempt_bytes = sizeof(Attempt) + sizeof(Attempt) / 4 + 800 + budget::udp_socket_bytes;

    /// Null if the query is not in flight. Entries are owned by the table, until `remove`.
    InFlight* find(const QuestionKey& key, const Group* group);
    /// True if the client may begin one more query, if all clients together may have `max` in flight: its share is not used up.
    bool may_begin(clients::ClientKey client, std::size_t max) const { return begun_.may_take(client, max); }
    /// True if the client may wait for one more query, if all clients together may have `max` waiters.
    bool may_wait(clients::ClientKey client, std::size_t max) const { return waiting_.may_take(client, max); }
    /// Adds an entry of `owner` without waiters and attempts. The key and group must not be in flight; `group` is not null. `due` returns
    /// the entry only after `schedule`.
    InFlight& add(const QuestionKey& key, std::shared_ptr<Group> group, std::uint64_t epoch, clients::ClientKey owner);
    /// An entry without an owner becomes this client's.
    void own(InFlight& entry, clients::ClientKey owner);
    /// Removes an entry with its waiters and attempts; the reference is invalid afterwards. Sockets of open attempts are not closed.
    void remove(InFlight& entry);

    /// Result of `join`.
    enum class Join : std::uint8_t { joined, repeated, full };
    /// Adds a waiter, unless it is a retransmission over UDP (`repeated`), or a bound or the client's share is reached (`full`).
    /// `total_max`: bound of the waiters of all entries.
    Join join(InFlight& entry, Waiter waiter, std::size_t total_max);

    /// The attempts by id: adds one, removes one, finds the entry of one (null if it is closed).
    void watch(const Attempt& attempt, InFlight& entry);
    void unwatch(answer::AttemptId attempt);
    InFlight* of_attempt(answer::AttemptId attempt) const;

    /// Enters the bytes of the options, `as_asked` and the kept replies of an entry; to be called after a change of these.
    void weigh(InFlight& entry);
    /// Frees the memory of empty tables.
    void tidy();

    /// Sets the time at which `due` returns the entry.
    void schedule(InFlight& entry, Now due);
    /// The earliest time that was scheduled; nothing if no entry is in flight.
    std::optional<Now> deadline() const;
    /// The entry with the earliest time, if that is not after `now`; else null.
    InFlight* due(Now now) const;

    /// Removes all waiters of an entry, and its owner; they have been answered.
    void drop_waiters(InFlight& entry);
    /// Removes the waiters of a TCP connection; 0 (UDP) does nothing. Entries stay in flight, so their replies are still cached.
    void drop_connection(std::uint64_t connection);
    /// Entries at or below a name. A copy, so that the caller may change the table while it iterates.
    std::vector<InFlight*> below(const wire::Name& suffix);
    /// Number of entries, and of the waiters of all entries.
    std::size_t size() const { return entries_.size(); }
    std::size_t waiters() const { return waiting_.total(); }
    /// Number of entries that the client owns.
    std::size_t begun_by(clients::ClientKey client) const { return begun_.of(client); }

private:
    using Owned = std::unique_ptr<InFlight>;
    /// What entries are looked up by: the members `key` and `group` of an entry.
    struct Key {
        const QuestionKey& question;
        const Group* group;
    };
    static Key key_of(const Owned& entry) { return {entry->key, entry->group.get()}; }
    static const Key& key_of(const Key& key) { return key; }
    struct Hash {
        using is_transparent = void;
        wire::NameHash name;
        std::size_t operator()(const Key& key) const;
        std::size_t operator()(const Owned& entry) const { return (*this)(key_of(entry)); }
    };
    struct Equal {
        using is_transparent = void;
        template <class A, class B>
        bool operator()(const A& a, const B& b) const {
            const Key one = key_of(a), other = key_of(b);
            return one.group == other.group && one.question == other.question;
        }
    };
    /// Counts one waiter less.
    void waiter_gone(const Waiter& waiter);
    void enter();
    void disown(InFlight& entry);

    budget::Held held_;
    std::unordered_set<Owned, Hash, Equal> entries_;
    std::unordered_map<answer::AttemptId, InFlight*> by_attempt_;
    std::set<std::pair<std::pair<Now, std::uint64_t>, InFlight*>> order_;
    std::unordered_map<std::uint64_t, std::size_t> tcp_waiters_;  ///< by connection
    std::size_t extra_ = 0;
    clients::Shares begun_, waiting_;  ///< entries by owner, and waiters
    std::uint64_t next_number_ = 1;
};

}  // namespace lictor::forward
