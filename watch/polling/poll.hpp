// One blocking query as a state machine: which request is next (index, wait, consistency), what a reply means, how long to pause before the
// next request. Time, jitter and replies come in as values; the caller sends, receives and parses. Pure. The rules, from Consul's blocking
// queries:
// - The index counts only in a 200 (for keys also in a 404); error replies carry `X-Consul-Index: 1`.
// - After a failure the next read is at index 0. It is also at index 0 after a wait that ended early without a change: a snapshot was
//   restored, the reply shows the old state, and its index is ahead.
// - An index that went backwards is settled by one read at index 0 with default consistency.
// - A list that is suddenly empty is adopted after a second read that is not stale, and never from a server without a Raft leader.
// - The agent adds up to wait/16 to a wait, and holds a query for up to 7 s while it has no leader.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "conf/base/clock.hpp"
#include "conf/base/random.hpp"
#include "conf/values/consul_rules.hpp"
#include "watch/polling/http_reply.hpp"

namespace lictor::polling {

/// The next request of a watch.
struct PollRequest {
    std::uint64_t index = 0;  ///< 0: the agent replies at once
    seconds wait{60};         ///< not sent with index 0
    conf::ConsulConsistency consistency = conf::ConsulConsistency::stale;
    milliseconds timeout{0};  ///< of the whole exchange: wait + wait/16 + 7 s + 3 s; at index 0: 10 s
};

/// Whether the next request may be a blocking query.
enum class Blocking : std::uint8_t { allowed, not_allowed };

/// What a reply means.
enum class PollVerdict : std::uint8_t {
    parse,   ///< a new body: parse it, then call `parsed`
    same,    ///< nothing new
    absent,  ///< keys only: the key does not exist
    again,   ///< doubtful: send `next` at once, its reply decides
    failed,  ///< an error or a refusal: keep the facts
};

/// What to do with a parsed body.
enum class PollJudgement : std::uint8_t {
    adopt,   ///< replace the facts
    again,   ///< the list is suddenly empty or less than half: keep the facts, send `next` at once, its reply decides
    ignore,  ///< the token hides the facts, or the body could not be parsed: keep the facts
    failed,  ///< the list is suddenly empty or less than half, and the server does not know a Raft leader: keep the facts
};

/// The state of one blocking query. A value: no I/O, no clock.
class Poll {
public:
    struct Kind {
        bool leader_keys = false;  ///< read through Consul's Raft leader, with short waits and short pauses
        bool key_value = false;    ///< a 404 is an answer
        conf::ConsulConsistency consistency = conf::ConsulConsistency::stale;
    };
    explicit Poll(Kind kind) : kind_(kind) {}

    /// Consistency of the requests from the next one on.
    void use(conf::ConsulConsistency consistency) { kind_.consistency = consistency; }
    /// The request to send now; the caller must send it. Where blocking is not allowed the request is a read at index 0, and one second
    /// passes before the next one.
    PollRequest next(Now now, Blocking blocking = Blocking::allowed);
    /// Judges the reply to the last request. `held`: number of facts held now.
    PollVerdict on_reply(const HttpReply& reply, std::size_t held, Now now);
    /// After `PollVerdict::parse`. `count`: facts in the body; none if it could not be parsed.
    PollJudgement parsed(std::optional<std::size_t> count, std::size_t held, Now now);
    /// When to send the next request; not after `now`: at once.
    Now resume_at(Now now, Random& random) const;
    /// The last exchange failed or was refused.
    bool failing() const { return failures_ > 0; }
    /// The last reply was a stale read from a server without a Raft leader.
    bool second_chance() const { return second_chance_; }
    /// Index of the facts held; 0 before the first.
    std::uint64_t index() const { return held_index_; }
    /// The agent was unreachable or is another one: the next read is at index 0, without a pause. The facts stay.
    void reset();
    /// The same, and the caller could not take the facts of the last reply: the next body is parsed even if it is the same.
    void reset_facts();

private:
    PollVerdict fail(Refusal why);
    void adopt_index(Now now);
    void unchanged(Now now);

    Kind kind_;
    PollRequest sent_;
    Now sent_at_{};
    unsigned waits_ = 0;            ///< waits sent so far: the first ones are short
    std::uint64_t ask_index_ = 0;   ///< for the next request
    std::uint64_t held_index_ = 0;  ///< of the facts held
    std::optional<std::uint64_t> held_hash_;
    std::uint64_t reply_index_ = 0, reply_hash_ = 0;
    bool reply_filtered_ = false;
    bool reply_leaderless_ = false;    ///< of a server without a Raft leader, which may be behind
    bool settle_next_ = false;         ///< the next read settles a doubt: index 0, not stale; its reply is adopted
    bool settling_ = false;            ///< the request sent is that read
    bool second_chance_next_ = false;  ///< leader keys while Consul has no Raft leader: one stale read
    bool second_chance_ = false;
    bool read_instead_ = false;  ///< the request sent was not allowed to block
    bool start_over_ = false;    ///< the reply came from a server that may be behind: the next read is at index 0
    unsigned failures_ = 0;
    unsigned quick_unchanged_ = 0;  ///< unchanged replies in a row that came at once
    milliseconds retry_after_{0};
    std::optional<Now> full_read_at_;  ///< last good read at index 0
};

}  // namespace lictor::polling
