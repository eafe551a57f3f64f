// The inside of Forward: what it holds, and its two halves. forward.cpp takes questions and gives replies; attempts.cpp decides which
// upstream is asked when, and what a reply, a failure or the passing of time means for a question in flight.
#pragma once

#include <memory>
#include <vector>

#include "resolver/core/cache.hpp"
#include "resolver/core/forward.hpp"
#include "resolver/core/pending.hpp"
#include "resolver/core/scrub.hpp"
#include "resolver/core/upstreams.hpp"

namespace lictor {

struct Forward::State {
    State(WorkerCounters& counters_, Random& random_)
        : counters(counters_), random(random_), cache(counters_, random_.next_u64()), pending(random_.next_u64()) {}

    WorkerCounters& counters;
    Random& random;
    std::shared_ptr<const Rules> rules = std::make_shared<Rules>();
    std::uint64_t epoch = 0;                 ///< moves with each change of rules
    Upstreams upstreams;
    Cache cache;
    Pending pending;
    Scrubber scrubber;
    AttemptId next_attempt = 1;
    Now latest{};                            ///< the last moment told
    Now next_overload_notice{}, next_refused_notice{}, next_rebind_notice{};
    MessageBuffer scratch;
    std::vector<std::uint8_t> kept;          ///< a reply on its way into the cache

    // ---- forward.cpp: questions in, replies out
    /// How the agent's DNS is asked: as every upstream is, over TCP, or with the client's very question, whose reply is for nobody else.
    enum class Way : std::uint8_t { usual, stream, as_asked };
    struct FromCache {
        Outcome outcome;
        bool expired = false;    ///< has to be refreshed
    };
    std::optional<FromCache> from_cache(const Question& question, const Client& client, bool agent, bool by_stream, Now now, std::span<std::uint8_t> buffer,
                                        Actions& actions);
    Outcome answer(const Question& question, const Client& client, const std::shared_ptr<Group>& group, Moment at, std::span<std::uint8_t> buffer,
                   Actions& actions, Way way = Way::usual);
    void refresh(const Question& question, const Client& client, const std::shared_ptr<Group>& group, Moment at, Actions& actions);
    Outcome ask(const Question& question, const Client& client, const std::shared_ptr<Group>& group, Moment at, std::span<std::uint8_t> buffer,
                Actions& actions, Way way);
    Outcome refuse(const Question& question, const Client& client, std::uint16_t extended_error, std::span<std::uint8_t> buffer, Actions& actions);
    Outcome overload(const Question& question, const Client& client, Now now, std::span<std::uint8_t> buffer, Actions& actions);
    void answer_all(InFlight& entry, const StoredReply& reply, Count& counter, Actions& actions);
    /// True if what comes of the entry may enter the cache: it is for everybody, and by the rules in force.
    bool may_keep(const InFlight& entry) const { return rules->cache_entries != 0 && entry.key.client == 0 && entry.epoch == epoch; }
    void keep(const InFlight& entry, const CleanReply& reply, Now now);
    /// Ends an entry with an upstream's reply.
    void finish(InFlight& entry, CleanReply& reply, Now now, Actions& actions);
    /// Ends an entry with SERVFAIL.
    void fail(InFlight& entry, Now now, bool remember, Actions& actions);

    // ---- attempts.cpp: what runs towards upstreams
    void begin(InFlight& entry, Now now, Actions& actions);
    bool is_race(Group& group, Now now) const;
    void ask_again(InFlight& entry, Now now, Actions& actions);
    void on_reply(AttemptId attempt, Bytes message, Now now, Actions& actions);
    void on_failure(AttemptId attempt, Now now, Actions& actions);
    void on_tick(Now now, Actions& actions);
    void close_all(InFlight& entry, Now now, bool blame, Actions& actions);

    std::optional<std::size_t> next_member(const InFlight& entry, Now now) const;
    void try_member(InFlight& entry, std::size_t member, Now now, Actions& actions);
    void send(InFlight& entry, std::size_t member, Transport transport, Now now, Actions& actions);
    Attempt take_attempt(InFlight& entry, AttemptId attempt, bool close, Actions& actions);
    void after_loss(InFlight& entry, Now now, Actions& actions);
    void tick_entry(InFlight& entry, Now now, Actions& actions);
    void schedule(InFlight& entry);
    void without_edns(InFlight& entry, const Attempt& attempt, Now now, Actions& actions);
    void said_nothing_useful(InFlight& entry, const Attempt& attempt, const Judgement& judgement, Now now, Actions& actions);
};

}  // namespace lictor
