// Questions in flight: one entry for each distinct question, with the clients that wait for it and the tries that run. Identical questions
// join (RFC 5452 §5: a birthday needs several), a client's retransmission is no second waiter, and every number here is bounded. Only
// keeps; what to send and when is decided elsewhere.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

#include "conf/base/clock.hpp"
#include "resolver/core/actions.hpp"
#include "resolver/core/cache.hpp"
#include "resolver/core/upstreams.hpp"

namespace lictor {

/// Somebody who waits, with what his reply takes from his question.
struct Waiter {
    Client client;
    std::uint16_t id = 0, bits = 0;
    Edns edns;
    bool over_tcp = false;
    std::array<std::uint8_t, 32> capitals{};   ///< one bit for each byte of the name that he wrote in upper case

    static Waiter of(const Question& question, const Client& client);
    /// The name as he wrote it.
    Name name(const Name& lower) const;
    bool operator==(const Waiter& other) const {
        return id == other.id && client == other.client && capitals == other.capitals;
    }
};

/// One question sent to one upstream, and its socket.
struct Attempt {
    AttemptId id = 0;
    std::size_t member = 0;       ///< of the entry's group
    Transport transport = Transport::udp;
    std::uint16_t dns_id = 0;
    bool edns = true;
    bool headless_error = false;  ///< a reply came that a server without EDNS would send
    bool letters = false;         ///< 0x20: `name` went out with these letters
    Name name;
    Now sent{}, patience_ends{}, closes{};
};

struct InFlight {
    QuestionKey key;
    std::shared_ptr<Group> group;
    std::uint64_t epoch = 0;           ///< of the rules it began under
    std::vector<Waiter> waiters;
    std::vector<Attempt> attempts;     ///< live
    std::vector<Tried> tried;          ///< by member
    std::vector<bool> plain;           ///< by member: asked without EDNS from now on
    unsigned tries = 0;                ///< sent so far, changes of transport not counted
    Now begun{}, ends{};
    std::optional<Now> next_try;
    std::optional<std::uint16_t> extended_error;   ///< the last one an upstream gave
    std::vector<std::uint8_t> options; ///< EDNS options about the client, as they are sent
    std::shared_ptr<const Question> as_asked;  ///< strict: goes to the agent's DNS in every letter and bit as the client's, and so comes the reply back
    bool all = false;                  ///< every member is asked at once
    bool refresh = false;              ///< nobody waited when it began: a stale answer was given
    bool spoken = false;               ///< some upstream said something, though of no use
    bool unreachable = false;          ///< some upstream could not be reached
    std::uint64_t number = 0;          ///< its own, never used twice
    Now due{};                         ///< where it stands in the order of deadlines
    /// Whose question the log names: the first one's.
    Client asker() const { return waiters.empty() ? Client{} : waiters.front().client; }
};

class Pending {
public:
    explicit Pending(std::uint64_t seed) : entries_(16, KeyHash{NameHash(seed)}) {}

    InFlight* find(const QuestionKey& key, const Group* group);
    InFlight& add(const QuestionKey& key, std::shared_ptr<Group> group, std::uint64_t epoch);
    void remove(InFlight& entry);

    enum class Join : std::uint8_t { joined, repeated, full };
    Join join(InFlight& entry, Waiter waiter, std::size_t total_max);

    void watch(const Attempt& attempt, InFlight& entry) { by_attempt_[attempt.id] = &entry; }
    void unwatch(AttemptId attempt) { by_attempt_.erase(attempt); }
    InFlight* of_attempt(AttemptId attempt) const;

    /// Places the entry by its next moment of interest.
    void schedule(InFlight& entry, Now due);
    std::optional<Now> deadline() const;
    /// The entry that is due longest, if any is at `now`.
    InFlight* due(Now now) const;

    void forget(std::uint64_t connection);
    /// Entries at or below a name. A copy: the caller may change the table while it walks.
    std::vector<InFlight*> below(const Name& suffix);
    std::size_t size() const { return entries_.size(); }
    std::size_t waiters() const { return waiters_; }

private:
    struct KeyHash {
        NameHash hash;
        std::size_t operator()(const std::pair<QuestionKey, const Group*>& key) const;
    };
    void waiter_gone(const Waiter& waiter);

    std::unordered_map<std::pair<QuestionKey, const Group*>, std::unique_ptr<InFlight>, KeyHash> entries_;
    std::unordered_map<AttemptId, InFlight*> by_attempt_;
    std::set<std::pair<std::pair<Now, std::uint64_t>, InFlight*>> order_;
    std::unordered_map<std::uint64_t, std::size_t> tcp_waiters_;   ///< by connection
    std::size_t waiters_ = 0;
    std::uint64_t next_number_ = 1;
};

}  // namespace lictor
