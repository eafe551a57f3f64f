// Which upstream is asked when. A question tries one upstream, then another beside it when the first is silent for longer than it usually
// is; every try has a random id and a socket of its own and ends within a bound, and so does the question (RFC 5452 §9.2). A guessed id
// moves the question to TCP, a cut reply too (RFC 7766 §5), a refused EDNS is left out (RFC 6891 §6.2.2).
#include <algorithm>

#include "resolver/core/forward_state.hpp"
#include "resolver/core/query_log.hpp"

namespace lictor {
namespace {

/// How long one (id, port) pair is open to guessing, unless it is the question's last hope.
constexpr microseconds udp_life = milliseconds(800);
constexpr microseconds tcp_life = seconds(2);
constexpr microseconds whole_life = seconds(3);         ///< below the 5 s after which glibc asks again
constexpr microseconds whole_life_agent = seconds(2);
constexpr std::uint32_t udp_size_loopback = 16'384;     ///< no fragments to be lost on the way
constexpr microseconds stretched_life = milliseconds(4500);  ///< with TCP or after a flush
constexpr microseconds pause_before_same = milliseconds(200);
constexpr microseconds second_round = seconds(1);       ///< all-servers
constexpr microseconds retry_first_min = milliseconds(50), retry_total_max = seconds(60);
constexpr microseconds race_period = seconds(20);
constexpr unsigned race_questions = 50;
constexpr unsigned tries_min = 3, tries_max = 8;
constexpr microseconds notice_every = seconds(5);

void put_u16(std::vector<std::uint8_t>& bytes, unsigned value) {
    bytes.push_back(static_cast<std::uint8_t>(value >> 8));
    bytes.push_back(static_cast<std::uint8_t>(value));
}

/// What of a question is not in its key.
struct Wording {
    const Name& name;               ///< in the letters that go out
    std::uint16_t bits = 0x0100;    ///< of the header: RD, AD, CD
    bool edns = true;
    std::uint32_t udp_size = 512;
    std::uint8_t version = 0;
    Bytes options;
};

std::vector<std::uint8_t> query_for(const QuestionKey& key, std::uint16_t id, const Wording& wording) {
    std::vector<std::uint8_t> bytes;
    bytes.reserve(header_size + key.lower.size() + 4 + Writer::opt_size + wording.options.size());
    put_u16(bytes, id);
    put_u16(bytes, wording.bits);
    put_u16(bytes, 1);
    put_u16(bytes, 0);
    put_u16(bytes, 0);
    put_u16(bytes, wording.edns ? 1 : 0);
    const Bytes name = wording.name.wire();
    bytes.insert(bytes.end(), name.begin(), name.end());
    put_u16(bytes, key.type);
    put_u16(bytes, key.klass);
    if (!wording.edns) return bytes;
    bytes.push_back(0);
    put_u16(bytes, rrtype::opt);
    put_u16(bytes, wording.udp_size);
    put_u16(bytes, wording.version);
    put_u16(bytes, key.dnssec_ok ? 0x8000 : 0);
    put_u16(bytes, static_cast<unsigned>(wording.options.size()));
    bytes.insert(bytes.end(), wording.options.begin(), wording.options.end());
    return bytes;
}

/// A question of our own: nothing of the client's but name, type, class, DO and CD goes upstream.
Wording own_wording(const QuestionKey& key, const Name& written, bool edns, std::uint32_t udp_size, Bytes options) {
    return {written, static_cast<std::uint16_t>(0x0100u | (key.checking_disabled ? 0x0010u : 0u)), edns, udp_size, 0, options};
}

/// The client's own, letter by letter (consul-dns-compat=strict).
Wording same_wording(const Question& question, Bytes options) {
    return {question.name, static_cast<std::uint16_t>(question.header.bits & 0x0130), question.edns.present, question.edns.udp_size, question.edns.version, options};
}

/// 0x20: the same name in letters that only the asked upstream can know.
Name with_random_letters(const Name& lower, Random& random) {
    std::array<std::uint8_t, 255> wire{};
    const Bytes from = lower.wire();
    std::uint64_t bits = 0;
    for (std::size_t i = 0; i < from.size(); ++i) {
        if (i % 64 == 0) bits = random.next_u64();
        const bool letter = from[i] >= 'a' && from[i] <= 'z';  // lengths of labels are below 'a'
        wire[i] = static_cast<std::uint8_t>(letter && (bits >> i % 64 & 1) ? from[i] - 32 : from[i]);
    }
    return Name::from_wire({wire.data(), from.size()});
}

Attempt* find_attempt(InFlight& entry, AttemptId id) {
    const auto found = std::find_if(entry.attempts.begin(), entry.attempts.end(), [&](const Attempt& attempt) { return attempt.id == id; });
    return found == entry.attempts.end() ? nullptr : &*found;
}

}  // namespace

// -------------------------------------------------------------------------------------------------------------- sending

void Forward::State::begin(InFlight& entry, Now now, Actions& actions) {
    const microseconds life = entry.group->agent ? whole_life_agent : rules->retry_total ? std::min(*rules->retry_total, retry_total_max) : whole_life;
    entry.ends = std::min(now + life, entry.begun + std::max(life, stretched_life));
    entry.all = rules->all_servers || is_race(*entry.group, now);
    if (entry.all && !entry.group->agent) {
        for (std::size_t member = 0; member < entry.group->members.size(); ++member) try_member(entry, member, now, actions);
        entry.next_try = now + second_round;
    } else if (const auto member = next_member(entry, now)) {
        try_member(entry, *member, now, actions);
    }
    schedule(entry);
}

/// Now and then all upstreams are asked, so that the quickest that lives is known (dnsmasq: every 50 questions or 20 seconds).
bool Forward::State::is_race(Group& group, Now now) const {
    if (rules->strict_order || group.agent || group.members.size() < 2) return false;
    if (group.raced && ++group.since_race < race_questions && now - *group.raced < race_period) return false;
    group.raced = now;
    group.since_race = 0;
    return true;
}

/// What is in flight says what was true before: thrown away, and asked again for its waiters.
void Forward::State::ask_again(InFlight& entry, Now now, Actions& actions) {
    close_all(entry, now, false, actions);
    if (entry.waiters.empty()) {
        pending.remove(entry);
        counters.forward_pending.set(pending.size());
        return;
    }
    std::fill(entry.tried.begin(), entry.tried.end(), Tried{});
    entry.tries = 0;
    entry.next_try.reset();
    begin(entry, now, actions);
}

std::optional<std::size_t> Forward::State::next_member(const InFlight& entry, Now now) const {
    const auto members = static_cast<unsigned>(entry.group->members.size());
    // A second try is for an agent that does not let TCP through.
    const unsigned most = entry.group->agent ? (entry.key.by_stream && entry.unreachable ? 2 : 1) : entry.all ? 2 * members : std::clamp(members, tries_min, tries_max);
    if (entry.tries >= most) return std::nullopt;
    return pick(*entry.group, entry.tried, rules->strict_order, now);
}

/// One more try, counted; the next one is planned for when this one is silent for too long.
void Forward::State::try_member(InFlight& entry, std::size_t member, Now now, Actions& actions) {
    ++entry.tries;
    const unsigned times = ++entry.tried[member].times;
    entry.next_try.reset();
    for (const Attempt& attempt : entry.attempts)
        if (attempt.headless_error) entry.plain[attempt.member] = true;
    send(entry, member, entry.key.by_stream && times == 1 ? Transport::tcp : Transport::udp, now, actions);
    microseconds patience = entry.group->members[member]->patience();
    if (rules->retry_first) patience = std::max<microseconds>(std::min(patience, *rules->retry_first), retry_first_min);
    for (unsigned i = 1; i < times; ++i) patience = std::min<microseconds>(2 * patience, udp_life);
    entry.attempts.back().patience_ends = now + patience;
    if (next_member(entry, now)) entry.next_try = now + patience;
}

void Forward::State::send(InFlight& entry, std::size_t member, Transport transport, Now now, Actions& actions) {
    Target& target = *entry.group->members[member];
    Attempt attempt;
    attempt.id = next_attempt++;
    attempt.member = member;
    attempt.transport = transport;
    attempt.dns_id = random.next_u16();
    attempt.edns = entry.as_asked ? entry.as_asked->edns.present : !entry.plain[member] && !target.without_edns(now);
    attempt.sent = now;
    attempt.closes = now + (transport == Transport::tcp ? tcp_life : udp_life);
    attempt.patience_ends = attempt.closes;
    if (transport == Transport::tcp) {
        entry.ends = std::max(entry.ends, std::min(attempt.closes, entry.begun + stretched_life));
        // While the stream takes its time only an upstream that has not been asked yet is worth another try.
        const auto other = next_member(entry, now);
        entry.next_try.reset();
        if (other && entry.tried[*other].times == 0) entry.next_try = now + udp_life;
        counters.forward_tcp.add();
    }
    counters.forwarded.add();
    target.sent();
    const Upstream& upstream = target.upstream();
    std::uint32_t udp_size = rules->edns_packet_max;
    // What the agent leaves out for size it leaves out without a word: let it leave out nothing, and cut here, where TC is set.
    if (entry.group->agent && upstream.endpoint.address.is_loopback()) udp_size = std::max(udp_size, udp_size_loopback);
    attempt.name = entry.key.lower;
    if (rules->random_letters && !entry.group->agent) {
        attempt.letters = true;
        attempt.name = with_random_letters(entry.key.lower, random);
    }
    Ask ask{attempt.id, upstream.endpoint, transport, upstream.interface, upstream.source, false, rules->port_min, rules->port_max,
            query_for(entry.key, attempt.dns_id, entry.as_asked ? same_wording(*entry.as_asked, entry.options)
                                                                : own_wording(entry.key, attempt.name, attempt.edns, udp_size, entry.options))};
    if (ask.source && ask.source->port != 0) ask.one_port = true;
    if (!ask.source && rules->query_port && !entry.group->agent) {
        ask.one_port = true;
        ask.source = Endpoint{upstream.endpoint.address.v6 ? Address{.bytes = {}, .v6 = true} : Address{}, *rules->query_port};
    }
    actions.emplace_back(std::move(ask));
    if (rules->log_queries) log_forwarded(entry.key.lower, upstream.endpoint, entry.asker(), actions);
    pending.watch(attempt, entry);
    entry.attempts.push_back(attempt);
}

Attempt Forward::State::take_attempt(InFlight& entry, AttemptId id, bool close, Actions& actions) {
    const Attempt taken = *find_attempt(entry, id);
    std::erase_if(entry.attempts, [&](const Attempt& attempt) { return attempt.id == id; });
    pending.unwatch(id);
    if (close) actions.emplace_back(CloseAttempt{id});
    return taken;
}

/// `blame`: those that were silent for longer than they usually are have missed one.
void Forward::State::close_all(InFlight& entry, Now now, bool blame, Actions& actions) {
    while (!entry.attempts.empty()) {
        const Attempt attempt = take_attempt(entry, entry.attempts.back().id, true, actions);
        if (blame && now >= attempt.patience_ends) entry.group->members[attempt.member]->timed_out(now);
    }
}

// ------------------------------------------------------------------------------------------------------------ receiving

void Forward::State::on_reply(AttemptId id, Bytes message, Now now, Actions& actions) {
    using Kind = Judgement::Kind;
    InFlight* const entry = pending.of_attempt(id);
    if (!entry) return;
    Attempt& attempt = *find_attempt(*entry, id);
    const std::size_t member = attempt.member;
    Target& target = *entry->group->members[member];
    const bool tcp = attempt.transport == Transport::tcp;
    Asked asked{attempt.dns_id, entry->key.lower, entry->key.type, entry->key.klass, entry->key.dnssec_ok, entry->group->agent};
    asked.as_asked = entry->as_asked.get();
    asked.filters = rules->filters.get();
    asked.keep_ad = rules->proxy_dnssec;
    if (attempt.letters) asked.letters = attempt.name.wire();
    const Judgement judgement = scrubber.read(message, asked, attempt.edns);

    const auto heard = [&, rtt = now - attempt.sent] {
        tcp ? target.alive() : target.answered(rtt);
        if (judgement.rcode == rcode::nxdomain) target.denied();
    };

    switch (judgement.kind) {
        case Kind::wrong_id:
            counters.upstream_mismatch.add();
            take_attempt(*entry, id, true, actions);
            if (tcp) {
                entry->tried[member].useless = true;
                after_loss(*entry, now, actions);
            } else {
                send(*entry, member, Transport::tcp, now, actions);
                schedule(*entry);
            }
            return;
        case Kind::wrong_question:
        case Kind::malformed:
        case Kind::headless_error:
            (judgement.kind == Kind::wrong_question ? counters.upstream_mismatch : counters.upstream_malformed).add();
            if (judgement.kind == Kind::headless_error) attempt.headless_error = true;
            if (!tcp) return;  // anybody may have sent it: the genuine reply is waited for
            if (judgement.kind == Kind::headless_error && attempt.edns) return without_edns(*entry, attempt, now, actions);
            return said_nothing_useful(*entry, attempt, judgement, now, actions);
        case Kind::truncated:
            heard();
            if (tcp) return said_nothing_useful(*entry, attempt, judgement, now, actions);
            take_attempt(*entry, id, true, actions);
            send(*entry, member, Transport::tcp, now, actions);
            return schedule(*entry);
        case Kind::edns_refused:
            heard();
            return without_edns(*entry, attempt, now, actions);
        case Kind::ignored:
            return;  // another upstream may say something else
        case Kind::rebind:
            if (now >= next_rebind_notice) {
                next_rebind_notice = now + notice_every;
                actions.emplace_back(Notice{Notice::Kind::rebind, "possible DNS-rebind attack detected: " + entry->key.lower.text()});
            }
            [[fallthrough]];
        case Kind::bogus:
            entry->group->last_good = member;
            take_attempt(*entry, id, true, actions);
            close_all(*entry, now, true, actions);
            heard();
            return finish(*entry, scrubber.reply(), now, actions);
        case Kind::failed:
            heard();
            return said_nothing_useful(*entry, attempt, judgement, now, actions);
        case Kind::good:
            if (entry->plain[member]) target.learned_plain(now);
            entry->group->last_good = member;
            take_attempt(*entry, id, true, actions);
            close_all(*entry, now, true, actions);
            heard();  // after the blame for tries that were lost on the way
            return finish(*entry, scrubber.reply(), now, actions);
    }
}

/// The same upstream once more, with a question as servers of long ago expect it.
void Forward::State::without_edns(InFlight& entry, const Attempt& attempt, Now now, Actions& actions) {
    const Attempt taken = take_attempt(entry, attempt.id, true, actions);
    entry.plain[taken.member] = true;
    send(entry, taken.member, taken.transport, now, actions);
    schedule(entry);
}

void Forward::State::said_nothing_useful(InFlight& entry, const Attempt& attempt, const Judgement& judgement, Now now, Actions& actions) {
    Target& target = *entry.group->members[attempt.member];
    if (judgement.rcode == rcode::refused) {
        target.refused();
        if (now >= next_refused_notice) {
            next_refused_notice = now + notice_every;
            actions.emplace_back(Notice{Notice::Kind::upstream_refused,
                                        "nameserver " + target.upstream().endpoint.address.text() + " refused to do a recursive query"});
        }
    } else {
        target.failed_to_answer();
    }
    entry.spoken = true;
    if (judgement.extended_error) entry.extended_error = judgement.extended_error;
    const Attempt taken = take_attempt(entry, attempt.id, true, actions);
    entry.tried[taken.member].useless = true;
    after_loss(entry, now, actions);
}

void Forward::State::on_failure(AttemptId id, Now now, Actions& actions) {
    InFlight* const entry = pending.of_attempt(id);
    if (!entry) return;
    const Attempt attempt = take_attempt(*entry, id, false, actions);
    entry->group->members[attempt.member]->unreachable(now);
    entry->tried[attempt.member].unreachable = entry->unreachable = true;
    after_loss(*entry, now, actions);
}

/// A try has come to nothing: another upstream at once, the same one after a short pause, or the end.
void Forward::State::after_loss(InFlight& entry, Now now, Actions& actions) {
    const auto member = next_member(entry, now);
    if (member && entry.tried[*member].times == 0) {
        counters.forward_retries.add();
        try_member(entry, *member, now, actions);
    } else if (entry.attempts.empty()) {
        if (!member) return fail(entry, now, true, actions);
        entry.next_try = now + pause_before_same;
    } else if (!member) {
        entry.next_try.reset();
    }
    schedule(entry);
}

// ----------------------------------------------------------------------------------------------------------------- time

void Forward::State::on_tick(Now now, Actions& actions) {
    while (InFlight* const entry = pending.due(now)) tick_entry(*entry, now, actions);
}

void Forward::State::tick_entry(InFlight& entry, Now now, Actions& actions) {
    if (now >= entry.ends) {
        close_all(entry, now, true, actions);
        return fail(entry, now, true, actions);
    }
    if (entry.next_try && *entry.next_try <= now) {
        entry.next_try.reset();
        if (const auto member = next_member(entry, now)) {
            counters.forward_retries.add();
            try_member(entry, *member, now, actions);
            if (entry.all && !entry.group->agent && next_member(entry, now)) entry.next_try = now;
        }
    }
    const bool more = entry.next_try.has_value();
    for (std::size_t i = 0; i < entry.attempts.size();) {
        Attempt& attempt = entry.attempts[i];
        if (attempt.closes > now) {
            ++i;
            continue;
        }
        if (attempt.transport == Transport::udp && !more && i + 1 == entry.attempts.size()) {
            attempt.closes = entry.ends;  // the last hope is kept to the end
            ++i;
            continue;
        }
        const Attempt silent = take_attempt(entry, attempt.id, true, actions);
        entry.group->members[silent.member]->timed_out(now);
        if (silent.headless_error) entry.plain[silent.member] = true;
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

}  // namespace lictor
