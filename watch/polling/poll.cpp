// The rules of poll.hpp with their numbers. A wait lasts 60 s, so a broken connection is detected within 75 s. A deposed Raft leader holds
// a default-mode query to the end of its wait, so leader keys wait 10 s. An abandoned wait occupies one of the agent's 200 connections per
// client until it ends. So waits begin with 5 s (2 s for leader keys) and double, and few begin soon after a start (waits.hpp): a lictor
// that is restarted often does not use up its connections.
#include "watch/polling/poll.hpp"

#include <algorithm>
#include <functional>

namespace lictor::polling {
namespace {

constexpr seconds wait_usual{60}, wait_first{5}, wait_leader{10}, wait_first_leader{2};
constexpr milliseconds hold_without_leader{7000}, slack{3000};
constexpr milliseconds pause_first{100}, pause_max{5000}, pause_max_leader{1000};
constexpr milliseconds retry_after_max{60'000};
constexpr milliseconds quick{1000};       // an unchanged reply that comes sooner counts as quick
constexpr milliseconds read_again{1000};  // where blocking is not allowed
constexpr milliseconds unchanged_max{1000}, unchanged_max_leader{50};
constexpr Now full_read_every = std::chrono::minutes(5);  // repairs a wake-up that Consul missed

/// Read twice before it is adopted: all facts are gone, or more than half of at least four.
bool sudden_drop(std::size_t held, std::size_t count) { return (held > 0 && count == 0) || (held >= 4 && count * 2 < held); }

}  // namespace

PollRequest Poll::next(Now now, Blocking blocking) {
    settling_ = settle_next_;
    second_chance_ = !settling_ && second_chance_next_;
    const bool full = !full_read_at_ || now - *full_read_at_ >= full_read_every;
    sent_ = {};
    read_instead_ = blocking == Blocking::not_allowed && ask_index_ != 0;
    sent_.index = settling_ || second_chance_ || full || read_instead_ ? 0 : ask_index_;
    const auto grown = (kind_.leader_keys ? wait_first_leader : wait_first) * (1 << std::min(waits_, 4u));
    sent_.wait = std::min(kind_.leader_keys ? wait_leader : wait_usual, grown);
    if (sent_.index != 0) ++waits_;
    sent_.consistency = kind_.leader_keys ? conf::ConsulConsistency::fresh : kind_.consistency;
    if (settling_ && sent_.consistency == conf::ConsulConsistency::stale) sent_.consistency = conf::ConsulConsistency::fresh;
    if (second_chance_) sent_.consistency = conf::ConsulConsistency::stale;
    sent_.timeout = hold_without_leader + slack;
    if (sent_.index != 0) sent_.timeout += milliseconds(sent_.wait) + milliseconds(sent_.wait) / 16;
    sent_at_ = now;
    return sent_;
}

PollVerdict Poll::fail(Refusal why) {
    ask_index_ = 0;
    ++failures_;
    quick_unchanged_ = 0;
    settle_next_ = false;  // if the next read is doubtful as well, it sets this again
    second_chance_next_ = kind_.leader_keys && why == Refusal::no_leader && !second_chance_;
    return PollVerdict::failed;
}

PollVerdict Poll::on_reply(const HttpReply& reply, std::size_t held, Now now) {
    retry_after_ = reply.refusal == Refusal::too_many ? std::min(reply.retry_after, retry_after_max) : milliseconds(0);
    const bool empty_key = kind_.key_value && reply.status == 404;
    // A reply without an index does not come from Consul.
    if ((reply.status != 200 && !empty_key) || !reply.has_index) return fail(reply.refusal);

    reply_index_ = std::max<std::uint64_t>(reply.index, 1);
    reply_hash_ = empty_key ? 0 : std::hash<std::string>{}(reply.body);
    reply_filtered_ = reply.filtered_by_acl;
    reply_leaderless_ = !reply.known_leader && !reply.streaming;
    if (reply_index_ < held_index_ && !settling_) {
        // Without a Raft leader no read can settle whether the index went backwards: keep the newer facts.
        if (second_chance_) return fail(Refusal::no_leader);
        ask_index_ = 0;
        settle_next_ = true;
        unchanged(now);
        return PollVerdict::again;
    }
    // A server without a Raft leader can have old data: adopt its reply, then read at index 0.
    start_over_ = second_chance_ || (kind_.leader_keys && reply_leaderless_);
    if (held_hash_ && *held_hash_ == reply_hash_) {
        // The server ended the wait early without a new index: a snapshot was restored, or the agent stops. The index may now be ahead of
        // Consul's, and a wait at it would miss every change.
        const bool given_up = sent_.index != 0 && reply_index_ == sent_.index && now - sent_at_ < sent_.wait;
        adopt_index(now);
        unchanged(now);
        if (start_over_ || given_up) ask_index_ = 0;
        return PollVerdict::same;
    }
    if (!empty_key) return PollVerdict::parse;
    // A server without a Raft leader cannot show that the keys are gone.
    if (held > 0 && reply_leaderless_ && (settling_ || second_chance_)) return fail(Refusal::no_leader);
    if (held > 0 && !settling_) {
        settle_next_ = true;
        return PollVerdict::again;
    }
    held_hash_ = reply_hash_;
    adopt_index(now);
    quick_unchanged_ = 0;
    if (start_over_) ask_index_ = 0;
    return PollVerdict::absent;
}

PollJudgement Poll::parsed(std::optional<std::size_t> count, std::size_t held, Now now) {
    if (!count) {
        fail(Refusal::none);
        return PollJudgement::ignore;
    }
    if (*count == 0 && held > 0 && reply_filtered_) {
        // The token may not read the instances, so the reply does not show whether they exist. What changes meanwhile is seen once the
        // token may read them, so the index stays that of the facts: the agent replies at once, and the pauses grow to a second.
        const auto kept = held_index_;
        adopt_index(now);
        held_index_ = ask_index_ = kept;
        unchanged(now);
        return PollJudgement::ignore;
    }
    if (sudden_drop(held, *count) && reply_leaderless_ && (settling_ || second_chance_)) {
        fail(Refusal::no_leader);
        return PollJudgement::failed;
    }
    if (sudden_drop(held, *count) && !settling_) {
        settle_next_ = true;
        ask_index_ = 0;
        return PollJudgement::again;
    }
    held_hash_ = reply_hash_;
    adopt_index(now);
    quick_unchanged_ = 0;
    if (start_over_) ask_index_ = 0;
    return PollJudgement::adopt;
}

void Poll::adopt_index(Now now) {
    held_index_ = ask_index_ = reply_index_;
    settle_next_ = second_chance_next_ = false;
    // A second chance does not end the failure: the pauses keep growing.
    if (!second_chance_) failures_ = 0;
    if (sent_.index == 0) full_read_at_ = now;
}

void Poll::unchanged(Now now) { quick_unchanged_ = now - sent_at_ < quick ? quick_unchanged_ + 1 : 0; }

Now Poll::resume_at(Now now, Random& random) const {
    if (second_chance_next_) return now;
    const auto grown = [](milliseconds first, unsigned times, milliseconds max) {
        return std::min(first * (1u << std::min(times, 12u)), max);
    };
    if (failures_ > 0) {
        const auto pause = grown(pause_first, failures_ - 1, kind_.leader_keys ? pause_max_leader : pause_max);
        const auto jittered = pause / 2 + milliseconds(random.below(static_cast<std::uint32_t>(pause.count() / 2 + 1)));
        return now + std::max<milliseconds>(jittered, retry_after_);
    }
    if (read_instead_ && !settle_next_) return now + read_again;
    // The agent may send one unchanged reply early; after several in a row lictor pauses.
    if (quick_unchanged_ <= 2 || (settle_next_ && quick_unchanged_ <= 4)) return now;
    const auto max = kind_.leader_keys ? unchanged_max_leader : unchanged_max;
    const auto pause = grown(kind_.leader_keys ? milliseconds(2) : pause_first, quick_unchanged_ - 3, max);
    return now + pause;
}

void Poll::reset() {
    ask_index_ = 0;
    failures_ = 0;
    quick_unchanged_ = 0;
    retry_after_ = milliseconds(0);
    second_chance_next_ = false;
}

void Poll::reset_facts() {
    reset();
    held_hash_.reset();
}

}  // namespace lictor::polling
