// The inside of Forward: what it holds, and its two halves. forward.cpp takes queries and makes replies. attempts.cpp decides which
// upstream is asked and when, and what follows from a reply, a failure or a time-out.
#pragma once

#include <memory>
#include <vector>

#include "conf/metrics/metrics.hpp"
#include "resolver/forward/cache.hpp"
#include "resolver/forward/forward.hpp"
#include "resolver/forward/pending.hpp"
#include "resolver/forward/scrub.hpp"
#include "resolver/forward/upstreams.hpp"
#include "resolver/rules/rules.hpp"

namespace lictor::forward {

struct Forward::State {
    State(metrics::WorkerCounters& counters_, Random& random_)
        : counters(counters_), random(random_), cache(counters_, random_.next_u64()), pending(random_.next_u64(), counters_.memory) {}

    metrics::WorkerCounters& counters;
    Random& random;
    std::shared_ptr<const rules::Rules> rules = rules::no_rules();
    std::uint64_t epoch = 0;  ///< rises with each change of rules
    Upstreams upstreams;
    Cache cache;
    Pending pending;
    Scrubber scrubber;
    answer::AttemptId next_attempt = 1;
    Now latest{};               ///< the latest time passed in
    std::size_t lingering = 0;  ///< number of entries that linger
    answer::NoticeLimits notices;
    wire::MessageBuffer scratch;
    std::vector<std::uint8_t> kept;      ///< buffer for a reply that is to be cached
    answer::Witness* witness = nullptr;  ///< not null: decisions are only explained

    // ---- forward.cpp: queries in, replies out
    /// `stream`, `as_asked`: the agent's DNS over TCP, or with the client's own query, whose reply is not cached. `uncached`: an upstream,
    /// without the cache.
    enum class Way : std::uint8_t { usual, stream, as_asked, uncached };
    /// proxy-dnssec: true if the client wants to know whether the upstream has validated the answer.
    bool asks_for_ad(const wire::Question& question) const;
    /// The key of a client's question, without `client` and `by_stream`.
    QuestionKey key_of(const wire::Question& question) const;
    /// A cached answer, not concluded; nothing on a miss. `agent`: asked of the agent's DNS, for which use-stale-cache does not apply.
    std::optional<answer::Answer> from_cache(const wire::Question& question, bool agent, bool by_stream, Now now,
                                             std::span<std::uint8_t> buffer);
    /// Answers from the cache, else by `ask`. A stale answer also starts a `refresh`. `group` null: SERVFAIL unless cached.
    answer::Answer answer(const wire::Question& question, const answer::Client& client, const std::shared_ptr<Group>& group, Moment at,
                          std::span<std::uint8_t> buffer, answer::Actions& actions, Way way = Way::usual);
    /// Asks without a waiter, for the cache. Nothing is done if the query is in flight or dns-forward-max is reached.
    void refresh(const wire::Question& question, const answer::Client& client, const std::shared_ptr<Group>& group, Moment at,
                 answer::Actions& actions);
    /// Joins the query in flight, or starts it: `later`. SERVFAIL without a group, and on overload.
    answer::Answer ask(const wire::Question& question, const answer::Client& client, const std::shared_ptr<Group>& group, Moment at,
                       std::span<std::uint8_t> buffer, answer::Actions& actions, Way way);
    /// Notes for the witness how the query would be asked. `entry`: the same query in flight, or null.
    void note_forward(const Group& group, const InFlight* entry, Now now) const;
    /// Notes for the witness what the cache has.
    void note_cache(answer::CacheSeen seen) const;
    /// Bound of the clients that wait.
    std::size_t waiters_max() const;
    /// SERVFAIL for a query above the bounds or above its client's share, and a notice.
    answer::Answer overload(const wire::Question& question, const answer::Client& client, Now now, std::span<std::uint8_t> buffer,
                            answer::Actions& actions);
    /// Sends `reply` to each waiter, concluded as `kind`.
    void answer_all(InFlight& entry, const wire::StoredReply& reply, const answer::Answer& kind, answer::Actions& actions);
    /// True if the entry's reply may be cached: it is the same for all clients, and was asked under the rules in force.
    bool may_keep(const InFlight& entry) const { return rules->cache_size != 0 && entry.key.client == 0 && entry.epoch == epoch; }
    /// Caches an upstream's reply if it may be, for at most a day, or three hours if it is negative (RFC 2308 §5), within min-cache-ttl,
    /// max-cache-ttl, neg-ttl and no-negcache. A reply without a lifetime removes the cached one (RFC 8767 §4).
    void keep(const InFlight& entry, const CleanReply& reply, Now now);
    /// Ends an entry with an upstream's reply. An NXDOMAIN for one address family is kept back for a moment if the query for the other
    /// one is in flight: some upstreams reply NXDOMAIN for a type that an existing name does not have.
    void finish(InFlight& entry, CleanReply& reply, Now now, answer::Actions& actions);
    /// The query in flight for the other address family of the same name; null if there is none, or the type is neither A nor AAAA.
    InFlight* other_family(const InFlight& entry);
    /// Answers the waiters with the reply, caches it, and removes the entry. `exists`: an answer of the other family was seen.
    void conclude_reply(InFlight& entry, CleanReply& reply, bool exists, Now now, answer::Actions& actions);
    /// Answers an entry whose NXDOMAIN was kept back; null and entries without one are ignored. `exists`: as above.
    void release_denied(InFlight* entry, bool exists, Now now, answer::Actions& actions);
    /// Ends an entry with SERVFAIL: for `reason`, else for the failure of its upstreams.
    void fail(InFlight& entry, Now now, answer::Actions& actions, std::optional<answer::Reason> reason = {});
    /// The end of an entry's time: SERVFAIL for its clients. Silent upstreams may still reply, so the entry keeps its sockets for some time
    /// without clients, if it is one of a bounded number; a late reply enters the cache, and clients that ask meanwhile join it.
    void time_out(InFlight& entry, Now now, answer::Actions& actions);
    /// Answers the clients of an entry with SERVFAIL, and caches the failure if it may be.
    void answer_failure(InFlight& entry, Now now, answer::Actions& actions, std::optional<answer::Reason> reason);
    /// True if `bytes` more may be used for queries in flight; the cache gives up entries for them, down to its part of memory-max.
    bool make_room(std::size_t bytes, Now now);
    /// SERVFAIL for a query for which there is no memory.
    answer::Answer out_of_memory(const wire::Question& question, std::span<std::uint8_t> buffer);
    /// Removes an entry and counts.
    void remove(InFlight& entry);
    /// Queries in flight that count against dns-forward-max: those that have, or may have, clients.
    std::size_t in_flight() const { return pending.size() - lingering; }
    /// Why no upstream answered: an error reply first, then an unreachable upstream, then silence.
    answer::Reason failure_of(const InFlight& entry, Now now) const;

    // ---- attempts.cpp: attempts at upstreams
    /// Sets the entry's time limit and starts its first attempt, or one at each member (all-servers, a race).
    void begin(InFlight& entry, Now now, answer::Actions& actions);
    /// True for the first query, then every 50 queries or 20 seconds, as in dnsmasq: all members are asked, to find the quickest.
    /// Counts the query. False with strict-order and for fewer than two members.
    bool is_race(Group& group, Now now) const;
    /// The same without counting the query.
    bool race_is_due(const Group& group, Now now) const;
    /// Begins once more with all upstreams, as if none had been asked. Open attempts stay open.
    void begin_anew(InFlight& entry, Now now, answer::Actions& actions);
    /// The same, but the first upstream is asked at `first`.
    void begin_later(InFlight& entry, Now first, Now now);
    /// When an entry that begins now ends without an answer.
    Now end_of(const InFlight& entry, Now now) const;
    /// After a flush: closes the attempts and begins anew; removes an entry without waiters.
    void ask_again(InFlight& entry, Now now, answer::Actions& actions);
    /// See Forward. An attempt that is closed is ignored. `on_failure` does not close the socket, which has failed.
    void on_reply(answer::AttemptId attempt, wire::Bytes message, Now now, answer::Actions& actions);
    void on_failure(answer::AttemptId attempt, Now now, answer::Actions& actions);
    void on_tick(Now now, answer::Actions& actions);
    /// Judges the DNS cookie of a reply. True: the reply is used no further, because it is forged, or the query was sent again.
    bool refuses_cookie(InFlight& entry, Attempt& attempt, const Judgement& judgement, Now now, answer::Actions& actions);
    /// True if the attempt has a cookie, and its upstream has never replied with one: perhaps it cannot deal with the option.
    bool is_cookie_doubted(const InFlight& entry, const Attempt& attempt) const;
    /// Counts that the upstream of an attempt did not reply in time.
    void count_timeout(const InFlight& entry, const Attempt& attempt, Now now);
    /// Keeps the records of a truncated reply over UDP, if it has any and is well-formed, for the case that TCP fails.
    void keep_partial(InFlight& entry, wire::Bytes message, Asked asked, const Attempt& attempt);
    /// Closes the attempts. `count_timeouts`: a member that did not reply in time gets a time-out.
    void close_all(InFlight& entry, Now now, bool count_timeouts, answer::Actions& actions);

    /// Index of the member to try next; nothing if none may be asked again, or the entry's attempts are used up.
    std::optional<std::size_t> next_member(const InFlight& entry, Now now) const;
    /// Starts one more attempt, counts it, and sets `next_try` for the time when this one is silent for too long.
    void try_member(InFlight& entry, std::size_t member, Now now, answer::Actions& actions);
    /// Adds an attempt with a random id and its Ask action. Not counted in `tries`. The caller calls `schedule`.
    /// `bad_cookie`: Attempt::bad_cookie.
    void send(InFlight& entry, std::size_t member, answer::Transport transport, Now now, answer::Actions& actions, bool bad_cookie = false);
    /// Removes an open attempt of the entry and returns it; references to it become invalid. `close`: adds CloseAttempt.
    Attempt take_attempt(InFlight& entry, answer::AttemptId attempt, bool close, answer::Actions& actions);
    /// After an attempt without an answer: asks a member that was not asked yet at once. Otherwise, if no attempt is open, asks one again
    /// after 200 ms, or fails the entry if all attempts are used up. The entry may be gone afterwards; so after `tick_entry` and
    /// `on_useless_reply`.
    void after_loss(InFlight& entry, Now now, answer::Actions& actions);
    /// What is due: the end of the entry, its next attempt, the ends of its attempts.
    void tick_entry(InFlight& entry, Now now, answer::Actions& actions);
    /// Puts the entry's next time into Pending. To be called after each change of its attempts, `next_try` or `ends`.
    void schedule(InFlight& entry);
    /// Asks the same member again without EDNS, over the same transport (RFC 6891 §6.2.2).
    void without_edns(InFlight& entry, const Attempt& attempt, Now now, answer::Actions& actions);
    /// Ends an attempt whose reply is no answer. The member is not asked again for this query.
    void on_useless_reply(InFlight& entry, const Attempt& attempt, const Judgement& judgement, Now now, answer::Actions& actions);
};

}  // namespace lictor::forward
