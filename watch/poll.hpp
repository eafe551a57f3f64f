// One blocking query as a state machine: which request to send next (index, wait, consistency), what a reply means, how long to pause
// before the next one. Time, jitter and replies come in as values; the shell sends, receives and parses. Rules (Consul's blocking
// queries): the index counts only in a 200 (for keys also a 404), error replies carry `X-Consul-Index: 1`; after any failure the next
// read starts at index 0, and so it does after a wait that ended early with nothing new (a snapshot was restored: the reply tells the old
// state, and its index is ahead); an index that went backwards is settled by one read at index 0 with default consistency; a sudden empty list
// is believed only after a second read that is not stale; the agent adds up to wait/16 and may hold for 7 s while it has no leader.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "conf/base/clock.hpp"
#include "conf/base/random.hpp"
#include "conf/options.hpp"

namespace lictor {

/// The next request of a watch.
struct PollRequest {
    std::uint64_t index = 0;              ///< 0 = reply at once
    seconds wait{60};                     ///< not sent with index 0
    ConsulConsistency consistency = ConsulConsistency::stale;
    milliseconds timeout{0};              ///< for the whole exchange: wait + wait/16 + 7 s hold + slack
};

/// What came back, reduced to what matters.
struct PollReply {
    int status = 0;                       ///< HTTP status; 0 = transport error
    bool has_index = false;
    std::uint64_t index = 0;              ///< X-Consul-Index
    bool known_leader = true;
    bool filtered_by_acl = false;
    milliseconds retry_after{0};
    std::string_view body{};              ///< valid during the call only
};

enum class PollVerdict {
    parse,      ///< a body not seen before: parse it and say how it went by `parsed`
    same,       ///< nothing new
    absent,     ///< KV: nothing there, a valid answer; believed already
    again,      ///< not to be believed as it stands: send `next`, which settles it, at once
    denied,     ///< 403: keep what is known, say so
    failed,     ///< keep what is known
    no_such_datacenter,
};

/// What becomes of a parsed body.
enum class PollJudgement {
    adopt,      ///< these are the facts now
    again,      ///< suddenly empty or half gone: keep what is known, send `next`, which settles it, at once
    ignore,     ///< no information (empty because of the token's rights, or not what it should be): keep what is known
};

class Poll {
public:
    struct Kind {
        bool leader_keys = false;         ///< read through Consul's leader, short waits, short pauses
        bool key_value = false;           ///< 404 is an answer
        ConsulConsistency consistency = ConsulConsistency::stale;
    };
    explicit Poll(Kind kind) : kind_(kind) {}

    /// Consistency from the next request on.
    void use(ConsulConsistency consistency) { kind_.consistency = consistency; }
    /// The request to send now. Every call is taken as sent. `may_wait`: else it is a read at once, and the next one pauses a second.
    PollRequest next(Now now, bool may_wait = true);
    /// Judges the reply to the last request. `held` is the number of facts held now.
    PollVerdict on_reply(const PollReply& reply, std::size_t held, Now now);
    /// After `PollVerdict::parse`: how many facts the body holds, none if it could not be parsed.
    PollJudgement parsed(std::optional<std::size_t> count, std::size_t held, Now now);
    /// Until when to pause before the next request; not after `now` = at once.
    Now resume_at(Now now, Random& random) const;
    /// The last exchange failed or was refused.
    bool failing() const { return failures_ > 0; }
    /// The last reply told what a server without a leader holds, while Consul's leader tells nothing.
    bool second_chance() const { return second_chance_; }
    /// Index of the facts held.
    std::uint64_t index() const { return held_index_; }
    /// The agent was lost or changed: start over at index 0, without a pause. What is held stays.
    void reset();

private:
    PollVerdict fail(bool no_leader);
    void adopt_index(Now now);
    void unchanged(Now now);

    Kind kind_;
    PollRequest sent_;
    Now sent_at_{};
    unsigned waits_ = 0;                  ///< waits sent so far: the first ones are short
    std::uint64_t ask_index_ = 0;         ///< for the next request
    std::uint64_t held_index_ = 0;        ///< of the facts held
    std::optional<std::uint64_t> held_hash_;
    std::uint64_t reply_index_ = 0, reply_hash_ = 0;
    bool reply_filtered_ = false;
    bool settle_next_ = false;            ///< the next read settles a doubt: index 0, not stale; its reply is authority
    bool settling_ = false;               ///< the request sent is that read
    bool second_chance_next_ = false;     ///< leader keys while Consul has no leader: one stale read
    bool second_chance_ = false;
    bool read_instead_ = false;           ///< the request sent may not wait
    bool start_over_ = false;             ///< the reply came from a server that may be behind: read at index 0 next
    unsigned failures_ = 0;
    unsigned quick_unchanged_ = 0;        ///< unchanged replies in a row that came at once
    milliseconds retry_after_{0};
    std::optional<Now> full_read_at_;     ///< last good read at index 0
};

}  // namespace lictor
