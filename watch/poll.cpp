// The rules of poll.hpp. Figures: waits of 60 s make a dead connection known within 75 s; a deposed Consul leader holds a default-mode
// query to the end of its wait, so leader keys wait 10 s; pauses grow from 100 ms. An abandoned wait keeps one of the agent's
// 200 connections to its end: waits begin with 5 s (2 s for leader keys) and double, and few begin soon after a start (waits.hpp), so that
// a lictor which is started again and again, or told another scope each time, does not shut itself out.
#include "watch/poll.hpp"

#include <algorithm>
#include <functional>

namespace lictor {
namespace {

constexpr seconds wait_usual{60}, wait_first{5}, wait_leader{10}, wait_first_leader{2};
constexpr milliseconds hold_without_leader{7000}, slack{3000};
constexpr milliseconds pause_first{100}, pause_max{5000}, pause_max_leader{1000};
constexpr milliseconds retry_after_max{60'000};
constexpr milliseconds quick{1000};                 // an unchanged reply that comes sooner is paced
constexpr milliseconds read_again{1000};            // where no wait is allowed
constexpr milliseconds unchanged_max{1000}, unchanged_max_leader{50};
constexpr Now full_read_every = std::chrono::minutes(5);  // repairs a wake-up that Consul missed

bool mentions(std::string_view body, std::string_view words) { return body.substr(0, 512).find(words) != std::string_view::npos; }

/// Sudden enough to ask twice: all gone, or more than half of at least four.
bool sudden_drop(std::size_t held, std::size_t count) { return (held > 0 && count == 0) || (held >= 4 && count * 2 < held); }

}  // namespace

PollRequest Poll::next(Now now, bool may_wait) {
    settling_ = settle_next_;
    second_chance_ = !settling_ && second_chance_next_;
    const bool full = !full_read_at_ || now - *full_read_at_ >= full_read_every;
    sent_ = {};
    read_instead_ = !may_wait && ask_index_ != 0;
    sent_.index = settling_ || second_chance_ || full || read_instead_ ? 0 : ask_index_;
    const auto grown = (kind_.leader_keys ? wait_first_leader : wait_first) * (1 << std::min(waits_, 4u));
    sent_.wait = std::min(kind_.leader_keys ? wait_leader : wait_usual, grown);
    if (sent_.index != 0) ++waits_;
    sent_.consistency = kind_.leader_keys ? ConsulConsistency::fresh : kind_.consistency;
    if (settling_ && sent_.consistency == ConsulConsistency::stale) sent_.consistency = ConsulConsistency::fresh;
    if (second_chance_) sent_.consistency = ConsulConsistency::stale;
    sent_.timeout = hold_without_leader + slack;
    if (sent_.index != 0) sent_.timeout += milliseconds(sent_.wait) + milliseconds(sent_.wait) / 16;
    sent_at_ = now;
    return sent_;
}

PollVerdict Poll::fail(bool no_leader) {
    ask_index_ = 0;
    ++failures_;
    quick_unchanged_ = 0;
    settle_next_ = false;  // the next read raises the doubt again if there still is one
    second_chance_next_ = kind_.leader_keys && no_leader && !second_chance_;
    return PollVerdict::failed;
}

PollVerdict Poll::on_reply(const PollReply& reply, std::size_t held, Now now) {
    retry_after_ = milliseconds(0);
    if (reply.status == 429 || reply.status == 503) retry_after_ = std::min(reply.retry_after, retry_after_max);
    if (reply.status == 403) {
        fail(false);
        return PollVerdict::denied;
    }
    if (reply.status == 500 && mentions(reply.body, "No path to datacenter")) {
        fail(false);
        return PollVerdict::no_such_datacenter;
    }
    const bool empty_key = kind_.key_value && reply.status == 404;
    // Whatever answers without an index is not Consul.
    if ((reply.status != 200 && !empty_key) || !reply.has_index)
        return fail(reply.status == 500 && mentions(reply.body, "leader"));

    reply_index_ = std::max<std::uint64_t>(reply.index, 1);
    reply_hash_ = empty_key ? 0 : std::hash<std::string_view>{}(reply.body);
    reply_filtered_ = reply.filtered_by_acl;
    if (reply_index_ < held_index_ && !settling_) {
        // While Consul has no leader nothing can settle it: keep the newer facts.
        if (second_chance_) return fail(false);
        ask_index_ = 0;
        settle_next_ = true;
        unchanged(now);
        return PollVerdict::again;
    }
    // A server that knows no leader may be behind: what it says counts, but the next read starts over.
    start_over_ = second_chance_ || (kind_.leader_keys && !reply.known_leader);
    if (held_hash_ && *held_hash_ == reply_hash_) {
        // A wait that ends before its time without another index was given up by the server: a snapshot was restored under it, or the
        // agent ends. The index may now be ahead of Consul, which would sleep through every change.
        const bool given_up = sent_.index != 0 && reply_index_ == sent_.index && now - sent_at_ < sent_.wait;
        adopt_index(now);
        unchanged(now);
        if (start_over_ || given_up) ask_index_ = 0;
        return PollVerdict::same;
    }
    if (!empty_key) return PollVerdict::parse;
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
        fail(false);
        return PollJudgement::ignore;
    }
    if (*count == 0 && held > 0 && reply_filtered_) {
        // The token may no longer see the instances: that is no information about them. Wait for the next change.
        const auto kept = held_index_;
        adopt_index(now);
        held_index_ = kept;
        unchanged(now);
        return PollJudgement::ignore;
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
    // While only the second chance works, the pauses go on as they were.
    if (!second_chance_) failures_ = 0;
    if (sent_.index == 0) full_read_at_ = now;
}

void Poll::unchanged(Now now) { quick_unchanged_ = now - sent_at_ < quick ? quick_unchanged_ + 1 : 0; }

Now Poll::resume_at(Now now, Random& random) const {
    if (second_chance_next_) return now;
    const auto grown = [](milliseconds first, unsigned times, milliseconds max) { return std::min(first * (1u << std::min(times, 12u)), max); };
    if (failures_ > 0) {
        const auto pause = grown(pause_first, failures_ - 1, kind_.leader_keys ? pause_max_leader : pause_max);
        const auto jittered = pause / 2 + milliseconds(random.below(static_cast<std::uint32_t>(pause.count() / 2 + 1)));
        return now + std::max<milliseconds>(jittered, retry_after_);
    }
    if (read_instead_ && !settle_next_) return now + read_again;
    // One unchanged reply may come early (the agent's right); a row of them is paced.
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

}  // namespace lictor
