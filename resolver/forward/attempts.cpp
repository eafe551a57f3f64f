// Which upstream is asked, and when? A query is sent to one upstream. If no reply comes in the usual time, it is sent to another as well.
// Each attempt has a random id and a socket of its own; attempts and queries have time limits (RFC 5452 §9.2). A reply with a wrong id
// moves the attempt to TCP, and so does a truncated reply (RFC 7766 §5). An upstream that refuses EDNS is asked again without it (RFC 6891
// §6.2.2).
#include <algorithm>
#include <new>

#include "resolver/answer/query_log.hpp"
#include "resolver/forward/state.hpp"

namespace lictor::forward {
namespace {

/// Attempts of one query at one upstream that are open at a time: so many ids and ports can be guessed (RFC 5452 §4).
constexpr std::ptrdiff_t open_max = 3;
constexpr microseconds tcp_life = seconds(2);
constexpr microseconds other_after_tcp = milliseconds(800);  ///< another upstream is asked beside a TCP attempt
constexpr microseconds whole_life_agent = seconds(2);
constexpr std::uint32_t udp_size_loopback = 16'384;  ///< loopback: no fragments are lost
constexpr microseconds pause_before_same = milliseconds(200);
constexpr microseconds pause_before_same_busy = seconds(1);  ///< with many queries in flight
constexpr std::size_t busy = 500;
constexpr microseconds second_round = seconds(1);  ///< all-servers
constexpr microseconds retry_first_min = milliseconds(50), retry_total_max = seconds(60);
constexpr microseconds race_period = seconds(20);
constexpr unsigned race_queries = 50;
/// Entries whose time has come are many after a flood; queries that can be answered at once must not wait for all of them.
constexpr unsigned entries_per_tick = 128;
constexpr unsigned tries_min = 3, tries_max = 8;

/// The parts of a query that are not in its key.
struct Wording {
    const wire::Name& name;               ///< in the letter case that is sent
    std::uint16_t bits = header_bit::rd;  ///< of the header: RD, AD, CD
    bool edns = true;
    std::uint32_t udp_size = 512;
    std::uint8_t version = 0;
    wire::Bytes options;
};

std::vector<std::uint8_t> query_for(const QuestionKey& key, std::uint16_t id, const Wording& wording) {
    std::vector<std::uint8_t> bytes;
    bytes.reserve(wire::header_size + key.lower.size() + 4 + wire::opt_size + wording.options.size());
    append_u16(bytes, id);
    append_u16(bytes, wording.bits);
    append_u16(bytes, 1);
    append_u16(bytes, 0);
    append_u16(bytes, 0);
    append_u16(bytes, wording.edns ? 1 : 0);
    const wire::Bytes name = wording.name.wire();
    bytes.insert(bytes.end(), name.begin(), name.end());
    append_u16(bytes, key.type);
    append_u16(bytes, key.klass);
    if (!wording.edns) return bytes;
    bytes.push_back(0);
    append_u16(bytes, rrtype::opt);
    append_u16(bytes, wording.udp_size);
    append_u16(bytes, wording.version);
    append_u16(bytes, key.dnssec_ok ? edns_dnssec_ok : 0);
    append_u16(bytes, wording.options.size());
    bytes.insert(bytes.end(), wording.options.begin(), wording.options.end());
    return bytes;
}

/// A query that lictor forms: only name, type, class, DO and CD are the client's.
Wording own_wording(const QuestionKey& key, const wire::Name& written, bool edns, std::uint32_t udp_size, wire::Bytes options) {
    return {
        written,
        static_cast<std::uint16_t>(header_bit::rd | (key.checking_disabled ? header_bit::cd : 0u) | (key.authentic ? header_bit::ad : 0u)),
        edns,
        udp_size,
        0,
        options};
}

/// The client's query with its letter case, flags and EDNS (consul-dns-compat=strict).
Wording same_wording(const wire::Question& question, wire::Bytes options) {
    return {question.name,         static_cast<std::uint16_t>(question.header.bits & (header_bit::rd | header_bit::ad | header_bit::cd)),
            question.edns.present, question.edns.udp_size,
            question.edns.version, options};
}

/// 0x20: random letters of the name in upper case; the reply must repeat them.
Capitals random_capitals(const wire::Name& lower, Random& random) {
    Capitals capitals{};
    const wire::Bytes from = lower.wire();
    std::uint64_t bits = 0;
    for (std::size_t i = 0; i < from.size(); ++i) {
        if (i % 64 == 0) bits = random.next_u64();
        const bool letter = from[i] >= 'a' && from[i] <= 'z';  // lengths of labels are below 'a'
        if (letter && (bits >> i % 64 & 1)) capitals[i / 8] = static_cast<std::uint8_t>(capitals[i / 8] | 1u << i % 8);
    }
    return capitals;
}

Attempt* find_attempt(InFlight& entry, answer::AttemptId id) {
    const auto found = std::find_if(entry.attempts.begin(), entry.attempts.end(), [&](const Attempt& attempt) { return attempt.id == id; });
    return found == entry.attempts.end() ? nullptr : &*found;
}

}  // namespace

// -------------------------------------------------------------------------------------------------------------- sending

Now Forward::State::end_of(const InFlight& entry, Now now) const {
    const microseconds life = entry.group->agent      ? whole_life_agent
                              : rules->fast_dns_retry ? std::min<microseconds>(rules->fast_dns_retry->total, retry_total_max)
                                                      : milliseconds(rules->forward_timeout);
    // After a flush too a client waits no longer than this since its query.
    return std::min(now + life, entry.begun + std::max<microseconds>(life, milliseconds(rules->forward_timeout)));
}

void Forward::State::begin(InFlight& entry, Now now, answer::Actions& actions) {
    entry.ends = end_of(entry, now);
    entry.all = rules->all_servers || is_race(*entry.group, now);
    if (entry.all && !entry.group->agent) {
        microseconds round = second_round;
        for (std::size_t member = 0; member < entry.group->members.size(); ++member) {
            try_member(entry, member, now, actions);
            round = std::max(round, entry.group->members[member]->retry_limit());
        }
        entry.next_try = now + round;
    } else if (const auto member = next_member(entry, now)) {
        try_member(entry, *member, now, actions);
    }
    schedule(entry);
}

/// True if this query goes to all upstreams, to find the quickest one: every 50 queries or 20 seconds, as in dnsmasq.
bool Forward::State::is_race(Group& group, Now now) const {
    if (!race_is_due(group, now)) {
        ++group.since_race;
        return false;
    }
    group.raced = now;
    group.since_race = 0;
    return true;
}

bool Forward::State::race_is_due(const Group& group, Now now) const {
    if (rules->strict_order || group.agent || group.members.size() < 2) return false;
    return !group.raced || group.since_race + 1 >= race_queries || now - *group.raced >= race_period;
}

/// After a flush: a reply in flight may hold the old data. Closes the attempts, and asks again if clients wait.
void Forward::State::ask_again(InFlight& entry, Now now, answer::Actions& actions) {
    close_all(entry, now, false, actions);
    if (entry.waiters.empty()) {
        return remove(entry);
    }
    entry.denied.reset();
    pending.weigh(entry);
    begin_anew(entry, now, actions);
}

void Forward::State::begin_anew(InFlight& entry, Now now, answer::Actions& actions) {
    begin_later(entry, now, now);
    entry.next_try.reset();
    begin(entry, now, actions);
}

void Forward::State::begin_later(InFlight& entry, Now first, Now now) {
    std::fill(entry.tried.begin(), entry.tried.end(), Tried{});
    entry.tries = 0;
    entry.all = false;
    entry.ends = end_of(entry, now);
    entry.next_try = first;
    schedule(entry);
}

std::optional<std::size_t> Forward::State::next_member(const InFlight& entry, Now now) const {
    const auto members = static_cast<unsigned>(entry.group->members.size());
    // The agent gets a second attempt, over UDP, only if it could not be reached over TCP.
    const unsigned most = entry.group->agent ? (entry.key.by_stream && entry.unreachable ? 2 : 1)
                          : entry.all        ? 2 * members
                                             : std::clamp(members, tries_min, tries_max);
    if (entry.tries >= most) return std::nullopt;
    return pick(*entry.group, entry.tried, rules->strict_order, now);
}

/// Starts one more attempt. Schedules the next for the time when this one has had no reply for too long.
void Forward::State::try_member(InFlight& entry, std::size_t member, Now now, answer::Actions& actions) {
    ++entry.tries;
    std::uint8_t& counted = entry.tried[member].times;
    if (counted < 255) ++counted;
    const unsigned times = counted;
    entry.next_try.reset();
    for (const Attempt& attempt : entry.attempts)
        if (attempt.headless_error && !is_cookie_doubted(entry, attempt)) entry.plain[attempt.member] = true;
    send(entry, member, entry.key.by_stream && times == 1 ? answer::Transport::tcp : answer::Transport::udp, now, actions);
    const auto next = next_member(entry, now);
    const Target& target = *entry.group->members[member];
    microseconds wait = next && entry.tried[*next].times == 0 ? target.wait_limit() : target.retry_limit();
    if (const auto& retry = rules->fast_dns_retry)
        wait = std::max<microseconds>(std::min<microseconds>(wait, retry->first), retry_first_min);
    for (unsigned i = 1; i < std::min(times, 4u); ++i) wait *= 2;
    entry.attempts.back().wait_ends = now + wait;
    if (next) entry.next_try = now + wait;
}

void Forward::State::send(InFlight& entry, std::size_t member, answer::Transport transport, Now now, answer::Actions& actions,
                          bool bad_cookie) {
    Target& target = *entry.group->members[member];
    Attempt attempt;
    attempt.id = next_attempt++;
    attempt.member = member;
    attempt.transport = transport;
    attempt.dns_id = random.next_u16();
    attempt.edns = entry.as_asked ? entry.as_asked->edns.present : !entry.plain[member] && !target.without_edns(now);
    attempt.sent = now;
    // Over UDP it stays open until the query ends: a late reply is an answer, and shows how slow the upstream is.
    attempt.closes = transport == answer::Transport::tcp ? now + tcp_life : Now::max();
    attempt.wait_ends = transport == answer::Transport::tcp ? attempt.closes : now + target.wait_limit();
    if (transport == answer::Transport::tcp) {
        if (entry.group->agent)
            entry.ends = std::max(entry.ends, std::min(attempt.closes, entry.begun + milliseconds(rules->forward_timeout)));
        // While this attempt runs, only an upstream that was not asked yet gets another one.
        const auto other = next_member(entry, now);
        entry.next_try.reset();
        if (other && entry.tried[*other].times == 0) entry.next_try = now + other_after_tcp;
        counters.forward_tcp.add();
    }
    counters.forwarded.add();
    target.sent();
    const rules::Upstream& upstream = target.upstream();
    attempt.bad_cookie = bad_cookie;
    std::vector<std::uint8_t> options = entry.options;
    const bool may_have_cookie = attempt.edns && !entry.as_asked && !entry.group->agent && !upstream.endpoint.address.is_loopback();
    if (may_have_cookie && !rules->no_send_cookie && target.cookie.wanted(now, entry.tried[member].times)) {
        attempt.cookie = target.cookie.client(random, now);
        const auto cookie = target.cookie.option();
        append_u16(options, edns_option::cookie);
        append_u16(options, cookie.size());
        options.insert(options.end(), cookie.begin(), cookie.end());
    }
    std::uint32_t udp_size = rules->edns_packet_max;
    // The agent omits records that exceed the size, mostly without TC. With a large size it omits none, and lictor truncates with TC.
    if (entry.group->agent && upstream.endpoint.address.is_loopback()) udp_size = std::max(udp_size, udp_size_loopback);
    if (rules->do_0x20_encode && !entry.group->agent) {
        attempt.letters = true;
        attempt.capitals = random_capitals(entry.key.lower, random);
    }
    const wire::Name written = attempt.letters ? with_capitals(entry.key.lower, attempt.capitals) : entry.key.lower;
    answer::Ask ask{attempt.id,
                    upstream.endpoint,
                    transport,
                    upstream.interface,
                    upstream.source,
                    false,
                    rules->port_min,
                    rules->port_max,
                    query_for(entry.key, attempt.dns_id,
                              entry.as_asked ? same_wording(*entry.as_asked, options)
                                             : own_wording(entry.key, written, attempt.edns, udp_size, options))};
    if (ask.source && ask.source->port != 0) ask.one_port = true;
    if (!ask.source && rules->query_port && !entry.group->agent) {
        ask.one_port = true;
        ask.source = Endpoint{upstream.endpoint.address.v6 ? Address{.bytes = {}, .v6 = true} : Address{}, *rules->query_port};
    }
    const auto same = [&](const Attempt& open) { return open.member == member && open.transport == transport; };
    if (std::count_if(entry.attempts.begin(), entry.attempts.end(), same) >= open_max)
        take_attempt(entry, std::find_if(entry.attempts.rbegin(), entry.attempts.rend(), same)->id, true, actions);  // the oldest stay
    // Without memory for another socket the query keeps as many as it has.
    if (!entry.attempts.empty() && !counters.memory.fits(budget::Kind::forward, Pending::attempt_bytes))
        take_attempt(entry, entry.attempts.front().id, true, actions);
    // What needs memory comes first: an attempt is in both tables and among the actions, or in none.
    entry.attempts.reserve(entry.attempts.size() + 1);
    pending.watch(attempt, entry);
    try {
        actions.emplace_back(std::move(ask));
    } catch (const std::bad_alloc&) {
        pending.unwatch(attempt.id);
        throw;
    }
    entry.attempts.push_back(attempt);
    if (rules->log_queries) answer::log_forwarded(entry.key.lower, upstream.endpoint, entry.asker(), actions);
}

Attempt Forward::State::take_attempt(InFlight& entry, answer::AttemptId id, bool close, answer::Actions& actions) {
    if (close) actions.emplace_back(answer::CloseAttempt{id});  // first: without memory it stays open, and is closed later
    const Attempt taken = *find_attempt(entry, id);
    std::erase_if(entry.attempts, [&](const Attempt& attempt) { return attempt.id == id; });
    pending.unwatch(id);
    return taken;
}

void Forward::State::count_timeout(const InFlight& entry, const Attempt& attempt, Now now) {
    Target& target = *entry.group->members[attempt.member];
    target.timed_out(now);
    if (attempt.transport == answer::Transport::udp) target.cookie.timed_out(attempt.cookie.has_value(), now);
}

/// Closes all attempts, in the order of their times. `count_timeouts`: a time-out is counted for an upstream that did not reply in the
/// usual time.
void Forward::State::close_all(InFlight& entry, Now now, bool count_timeouts, answer::Actions& actions) {
    while (!entry.attempts.empty()) {
        const Attempt attempt = take_attempt(entry, entry.attempts.front().id, true, actions);
        if (count_timeouts && now >= attempt.wait_ends) count_timeout(entry, attempt, now);
    }
}

// ------------------------------------------------------------------------------------------------------------ receiving

void Forward::State::on_reply(answer::AttemptId id, wire::Bytes message, Now now, answer::Actions& actions) {
    using Kind = Judgement::Kind;
    InFlight* const entry = pending.of_attempt(id);
    if (!entry) return;
    Attempt& attempt = *find_attempt(*entry, id);
    const std::size_t member = attempt.member;
    Target& target = *entry->group->members[member];
    const bool tcp = attempt.transport == answer::Transport::tcp;
    Asked asked{attempt.dns_id, entry->key.lower, entry->key.type, entry->key.klass, entry->key.dnssec_ok, entry->group->agent};
    asked.as_asked = entry->as_asked.get();
    asked.filters = rules->filters.get();
    asked.keep_ad = rules->proxy_dnssec;
    wire::Name written;  // `asked` refers to it
    if (attempt.letters) asked.letters = (written = with_capitals(entry->key.lower, attempt.capitals)).wire();
    const Judgement judgement = scrubber.read(message, asked, attempt.edns);

    const auto replied = [&, rtt = now - attempt.sent] {
        target.took(rtt);
        tcp ? target.alive(now) : target.answered(rtt, now);
        if (judgement.rcode == rcode::nxdomain) target.denied();
    };

    if (refuses_cookie(*entry, attempt, judgement, now, actions)) return;
    switch (judgement.kind) {
        case Kind::wrong_id:
            counters.upstream_mismatch.add();
            take_attempt(*entry, id, true, actions);
            if (tcp) {
                entry->tried[member].useless = true;
                after_loss(*entry, now, actions);
            } else {
                send(*entry, member, answer::Transport::tcp, now, actions);
                schedule(*entry);
            }
            return;
        case Kind::wrong_question:
        case Kind::malformed:
        case Kind::headless_error:
            (judgement.kind == Kind::wrong_question ? counters.upstream_mismatch : counters.upstream_malformed).add();
            if (judgement.kind == Kind::headless_error) attempt.headless_error = true;
            if (!tcp) {  // it may be forged: keep waiting for the genuine reply
                if (judgement.kind != Kind::headless_error || !entry->next_try) return;
                entry->next_try = std::min<Now>(*entry->next_try, attempt.sent + target.wait_limit());
                return schedule(*entry);
            }
            if (judgement.kind == Kind::headless_error && attempt.edns) return without_edns(*entry, attempt, now, actions);
            return on_useless_reply(*entry, attempt, judgement, now, actions);
        case Kind::truncated:
            replied();
            if (tcp) return on_useless_reply(*entry, attempt, judgement, now, actions);
            keep_partial(*entry, message, asked, attempt);
            take_attempt(*entry, id, true, actions);
            send(*entry, member, answer::Transport::tcp, now, actions);
            return schedule(*entry);
        case Kind::edns_refused: replied(); return without_edns(*entry, attempt, now, actions);
        case Kind::ignored: return;  // as if not received: another upstream may reply
        case Kind::rebind:
            if (notices.due(answer::NoticeKind::rebind, now))
                actions.emplace_back(
                    answer::Notice{answer::NoticeKind::rebind, "possible DNS-rebind attack detected: " + entry->key.lower.text()});
            [[fallthrough]];
        case Kind::bogus:
            entry->group->last_good = member;
            take_attempt(*entry, id, true, actions);
            close_all(*entry, now, true, actions);
            replied();
            return finish(*entry, scrubber.reply(), now, actions);
        case Kind::failed: replied(); return on_useless_reply(*entry, attempt, judgement, now, actions);
        case Kind::good:
            if (entry->plain[member]) target.learned_plain(now);
            entry->group->last_good = member;
            take_attempt(*entry, id, true, actions);
            close_all(*entry, now, true, actions);
            replied();  // after close_all, which may have counted a time-out of this upstream: a reply resets its failures
            return finish(*entry, scrubber.reply(), now, actions);
    }
}

bool Forward::State::refuses_cookie(InFlight& entry, Attempt& attempt, const Judgement& judgement, Now now, answer::Actions& actions) {
    using Kind = Judgement::Kind;
    const Kind kind = judgement.kind;
    const bool tcp = attempt.transport == answer::Transport::tcp;
    const bool headless = kind == Kind::headless_error && tcp;  // over UDP it may be forged, and the attempt goes on
    // Of these the records were not read, and the attempt goes on or moves to TCP.
    if (!headless && (kind == Kind::wrong_id || kind == Kind::wrong_question || kind == Kind::malformed || kind == Kind::headless_error ||
                      kind == Kind::truncated))
        return false;
    const std::size_t member = attempt.member;
    UpstreamCookie& cookie = entry.group->members[member]->cookie;
    if (!attempt.cookie) {
        // It replies to a query without a cookie, and not to the same one with a cookie.
        const bool silent = std::any_of(entry.attempts.begin(), entry.attempts.end(), [&](const Attempt& other) {
            return other.member == member && other.cookie && other.transport == attempt.transport;
        });
        if (silent || !tcp) cookie.answered_without(silent, now);
        return false;
    }
    const auto ask_again = [&](answer::Transport transport, bool bad_cookie) {
        take_attempt(entry, attempt.id, true, actions);
        send(entry, member, transport, now, actions, bad_cookie);
        schedule(entry);
        return true;
    };
    // Perhaps it refuses the option and not EDNS: if its reply has OPT, or if it has never sent a cookie. The next refusal shows which.
    const bool has_opt = kind == Kind::edns_refused && !scrubber.reply().opt.empty();
    if ((kind == Kind::edns_refused || headless) && judgement.cookie.empty() && (has_opt || is_cookie_doubted(entry, attempt))) {
        cookie.refused(now);
        return ask_again(attempt.transport, false);
    }
    if (headless) return false;
    switch (cookie.judge(*attempt.cookie, judgement.cookie, tcp, now)) {
        case UpstreamCookie::Verdict::forged: counters.upstream_mismatch.add(); return !tcp;
        case UpstreamCookie::Verdict::doubtful: counters.upstream_mismatch.add(); return ask_again(answer::Transport::tcp, false);
        case UpstreamCookie::Verdict::genuine: break;
    }
    if (judgement.rcode != rcode::badcookie || tcp) return false;
    return ask_again(attempt.bad_cookie ? answer::Transport::tcp : answer::Transport::udp, true);
}

bool Forward::State::is_cookie_doubted(const InFlight& entry, const Attempt& attempt) const {
    return attempt.cookie && !entry.group->members[attempt.member]->cookie.sends();
}

/// Keeps the records of a truncated reply, for the case that the upstream does not answer over TCP. Not those of a doubtful reply, which
/// must not be used (RFC 7873 §5.3).
void Forward::State::keep_partial(InFlight& entry, wire::Bytes message, Asked asked, const Attempt& attempt) {
    asked.accepts_truncated = true;
    const Judgement judgement = scrubber.read(message, asked, attempt.edns);
    if (judgement.kind != Judgement::Kind::good) return;
    if (attempt.cookie && !entry.group->members[attempt.member]->cookie.trusts(*attempt.cookie, judgement.cookie)) return;
    if (wire::read_header(scrubber.reply().message)->ancount != 0)
        entry.partial = std::make_unique<CleanReply>(std::move(scrubber.reply()));
    pending.weigh(entry);
}

/// Asks the same upstream again without EDNS (RFC 6891 §6.2.2).
void Forward::State::without_edns(InFlight& entry, const Attempt& attempt, Now now, answer::Actions& actions) {
    const Attempt taken = take_attempt(entry, attempt.id, true, actions);
    entry.plain[taken.member] = true;
    send(entry, taken.member, taken.transport, now, actions);
    schedule(entry);
}

/// An attempt got a reply that is no answer: this upstream is not asked again for this query.
void Forward::State::on_useless_reply(InFlight& entry, const Attempt& attempt, const Judgement& judgement, Now now,
                                      answer::Actions& actions) {
    Target& target = *entry.group->members[attempt.member];
    if (judgement.rcode == rcode::refused) {
        target.refused();
        if (notices.due(answer::NoticeKind::upstream_refused, now))
            actions.emplace_back(
                answer::Notice{answer::NoticeKind::upstream_refused,
                               "nameserver " + target.upstream().endpoint.address.text() + " refused to do a recursive query"});
    } else {
        target.failed_to_answer();
    }
    entry.replied = true;
    if (judgement.extended_error) entry.extended_error = judgement.extended_error;
    const Attempt taken = take_attempt(entry, attempt.id, true, actions);
    entry.tried[taken.member].useless = true;
    after_loss(entry, now, actions);
}

void Forward::State::on_failure(answer::AttemptId id, Now now, answer::Actions& actions) {
    InFlight* const entry = pending.of_attempt(id);
    if (!entry) return;
    const Attempt attempt = take_attempt(*entry, id, false, actions);
    if (attempt.transport == answer::Transport::tcp && entry->partial) {
        entry->tried[attempt.member].useless = true;  // it answers over UDP only
        return after_loss(*entry, now, actions);
    }
    entry->group->members[attempt.member]->unreachable(now);
    entry->tried[attempt.member].unreachable = entry->unreachable = true;
    if (entry->tries > 0 && !entry->group->agent) --entry->tries;  // the limit is for queries that an upstream can have received
    after_loss(*entry, now, actions);
}

/// After a failed attempt: asks an upstream that was not asked yet at once, else one again after a short pause, else ends the query.
void Forward::State::after_loss(InFlight& entry, Now now, answer::Actions& actions) {
    const auto member = next_member(entry, now);
    if (member && entry.tried[*member].times == 0 && !entry.lingers) {
        counters.forward_retries.add();
        try_member(entry, *member, now, actions);
    } else if (entry.attempts.empty()) {
        if (!member || entry.lingers) return fail(entry, now, actions);
        entry.next_try = now + (pending.size() < busy ? pause_before_same : pause_before_same_busy);
    } else if (!member) {
        entry.next_try.reset();
    }
    schedule(entry);
}

// ----------------------------------------------------------------------------------------------------------------- time

void Forward::State::on_tick(Now now, answer::Actions& actions) {
    for (unsigned i = 0; i < entries_per_tick; ++i) {
        InFlight* const entry = pending.due(now);
        if (!entry) return;
        try {
            tick_entry(*entry, now, actions);
        } catch (const std::bad_alloc&) {
            // It is tried again soon, when others may have given memory back.
            if (InFlight* const failed = pending.due(now)) pending.schedule(*failed, now + pause_before_same);
        }
    }
}

void Forward::State::tick_entry(InFlight& entry, Now now, answer::Actions& actions) {
    if (now >= entry.ends) {
        if (entry.denied) return release_denied(&entry, false, now, actions);
        return time_out(entry, now, actions);
    }
    if (entry.next_try && *entry.next_try <= now) {
        entry.next_try.reset();
        if (const auto member = next_member(entry, now)) {
            counters.forward_retries.add();
            try_member(entry, *member, now, actions);
            if (entry.all && !entry.group->agent && next_member(entry, now)) entry.next_try = now;
        }
    }
    for (std::size_t i = 0; i < entry.attempts.size();) {
        Attempt& attempt = entry.attempts[i];
        if (attempt.closes > now) {
            ++i;
            continue;
        }
        const Attempt silent = take_attempt(entry, attempt.id, true, actions);
        count_timeout(entry, silent, now);
        if (silent.headless_error && !is_cookie_doubted(entry, silent)) entry.plain[silent.member] = true;
        if (silent.transport == answer::Transport::tcp && entry.partial) entry.tried[silent.member].useless = true;
    }
    if (entry.attempts.empty() && !entry.next_try) return after_loss(entry, now, actions);
    schedule(entry);
}

void Forward::State::schedule(InFlight& entry) {
    Now due = entry.ends;
    if (entry.next_try) due = std::min(due, *entry.next_try);
    for (const Attempt& attempt : entry.attempts) due = std::min(due, attempt.closes);
    pending.schedule(entry, due);
}

}  // namespace lictor::forward
