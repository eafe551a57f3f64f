// Questions in, replies out. Counts what it decides (cache, flight, where an answer came from); codes of replies are counted by who sends
// them.
#include "resolver/core/forward.hpp"

#include <algorithm>

#include "resolver/core/client_options.hpp"
#include "resolver/core/forward_state.hpp"
#include "resolver/core/local_data.hpp"
#include "resolver/core/query_log.hpp"

namespace lictor {
namespace {

/// Clients that wait for all questions together, as a multiple of the questions in flight.
constexpr std::size_t waiters_each = 4, waiters_least = 4096;
constexpr microseconds notice_every = seconds(5);
/// RFC 9520 §3.2: a failure is remembered for at least a second; more would lengthen every outage.
constexpr microseconds failure_life = seconds(1);
/// RFC 2308 §5 asks for a limit of one to three hours; RFC 8767 §4 for one of days.
constexpr std::uint32_t negative_seconds_max = 3 * 3600, positive_seconds_max = 86'400;

Asker asker_of(const Question& question) {
    return {question.header.id, static_cast<std::uint16_t>(question.header.bits & 0x0110), question.name.wire(), question.edns, question.over_tcp};
}

/// Whatever of a question may change what the agent's DNS says to it.
std::uint64_t hash_as_asked(const Question& question) {
    const Bytes name = question.name.wire(), subnet = question.edns.subnet_option();
    std::vector<std::uint8_t> all(name.begin(), name.end());
    all.insert(all.end(), subnet.begin(), subnet.end());
    const Edns& edns = question.edns;
    for (const unsigned value : {question.header.bits & 0x0130u, unsigned{edns.udp_size}, unsigned{edns.version} << 1 | (edns.present ? 1u : 0u)}) {
        all.push_back(static_cast<std::uint8_t>(value >> 8));
        all.push_back(static_cast<std::uint8_t>(value));
    }
    return NameHash{}(all);
}

/// Header and question of a SERVFAIL.
Bytes failure_message(const QuestionKey& key, std::span<std::uint8_t> buffer) {
    Question question;
    question.name = question.lower = key.lower;
    question.type = key.type;
    question.klass = key.klass;
    question.end = header_size + key.lower.size() + 4;
    Writer writer(buffer);
    writer.begin_reply(question, rcode::servfail, false, true);
    return writer.finish();
}

std::uint32_t load_u32(const std::vector<std::uint8_t>& bytes, std::size_t at) {
    return std::uint32_t{bytes[at]} << 24 | std::uint32_t{bytes[at + 1]} << 16 | std::uint32_t{bytes[at + 2]} << 8 | bytes[at + 3];
}
void store_u32(std::vector<std::uint8_t>& bytes, std::size_t at, std::uint32_t value) {
    for (unsigned i = 0; i < 4; ++i) bytes[at + i] = static_cast<std::uint8_t>(value >> (24 - 8 * i));
}

}  // namespace

// ------------------------------------------------------------------------------------------------------------ questions

std::optional<Forward::State::FromCache> Forward::State::from_cache(const Question& question, const Client& client, bool agent, bool by_stream, Now now,
                                                                    std::span<std::uint8_t> buffer, Actions& actions) {
    if (rules->cache_entries == 0) return std::nullopt;
    const auto hit = cache.find(question, now, agent ? std::nullopt : rules->stale_for, by_stream);
    if (!hit) {
        counters.cache_misses.add();
        return std::nullopt;
    }
    counters.cache_hits.add();
    const bool failure = (hit->reply.message[3] & 15) == rcode::servfail;
    (failure ? counters.answers_error : counters.answers_cache).add();
    const Handed handed = hand_out(hit->reply, asker_of(question), {hit->age, rules->max_ttl, rules->edns_packet_max, rules->no_round_robin ? 0 : hit->turn}, buffer);
    if (handed.truncated) counters.answers_truncated.add();
    if (hit->expired) counters.cache_stale.add();
    if (rules->log_queries) log_message(hit->expired ? "cached-stale" : "cached", hit->reply.message, client, actions, hit->reply.extended_error);
    return FromCache{{Outcome::Kind::answered, handed.size}, hit->expired};
}

/// What the cache says, else what the group's upstreams will say.
Forward::Outcome Forward::State::answer(const Question& question, const Client& client, const std::shared_ptr<Group>& group, Moment at,
                                        std::span<std::uint8_t> buffer, Actions& actions, Way way) {
    const bool own = way == Way::as_asked || (rules->add_subnet && group && !group->agent && depends_on_client(*rules->add_subnet, client.peer.address));
    if (!own) {
        if (const auto hit = from_cache(question, client, group && group->agent, way == Way::stream, at.now, buffer, actions)) {
            if (hit->expired && group) refresh(question, client, group, at, actions);
            return hit->outcome;
        }
    }
    return ask(question, client, group, at, buffer, actions, way);
}

/// use-stale-cache: the old answer has been given, the new one is fetched behind it.
void Forward::State::refresh(const Question& question, const Client& client, const std::shared_ptr<Group>& group, Moment at, Actions& actions) {
    const QuestionKey key = QuestionKey::of(question);
    if (pending.find(key, group.get()) || pending.size() >= rules->forward_max) return;
    InFlight& entry = pending.add(key, group, epoch);
    if (!group->agent) entry.options = client_options(*rules, client.peer.address);
    entry.refresh = true;
    entry.begun = at.now;
    counters.forward_pending.set(pending.size());
    begin(entry, at.now, actions);
}

Forward::Outcome Forward::State::ask(const Question& question, const Client& client, const std::shared_ptr<Group>& group, Moment at,
                                     std::span<std::uint8_t> buffer, Actions& actions, Way way) {
    if (!group) return refuse(question, client, ede::not_ready, buffer, actions);
    QuestionKey key = QuestionKey::of(question);
    key.by_stream = way == Way::stream || (way == Way::as_asked && question.over_tcp);
    std::vector<std::uint8_t> options;
    if (way == Way::as_asked) {
        key.client = hash_as_asked(question) | 1;
        options = same_options(question.edns);
    }
    if (!group->agent && (rules->add_subnet || !rules->cpe_id.empty())) {
        options = client_options(*rules, client.peer.address);
        if (rules->add_subnet && depends_on_client(*rules->add_subnet, client.peer.address)) key.client = NameHash{}(options) | 1;
    }
    const std::size_t waiters_max = std::max<std::size_t>(waiters_least, waiters_each * rules->forward_max);
    if (InFlight* const entry = pending.find(key, group.get())) {
        switch (pending.join(*entry, Waiter::of(question, client), waiters_max)) {
            case Pending::Join::full: return overload(question, client, at.now, buffer, actions);
            case Pending::Join::joined: counters.forward_joined.add(); break;
            case Pending::Join::repeated: break;
        }
        return {};
    }
    if (pending.size() >= rules->forward_max || pending.waiters() >= waiters_max) return overload(question, client, at.now, buffer, actions);
    InFlight& entry = pending.add(key, group, epoch);
    entry.options = std::move(options);
    if (way == Way::as_asked) entry.as_asked = std::make_shared<const Question>(question);
    pending.join(entry, Waiter::of(question, client), waiters_max);
    counters.forward_pending.set(pending.size());
    entry.begun = at.now;
    begin(entry, at.now, actions);
    return {};
}

Forward::Outcome Forward::State::refuse(const Question& question, const Client& client, std::uint16_t extended_error, std::span<std::uint8_t> buffer, Actions& actions) {
    if (rules->log_queries) log_failure("config", rcode::servfail, client, actions, extended_error);
    counters.forward_failed.add();
    counters.answers_error.add();
    return {Outcome::Kind::answered, write_error(question, rcode::servfail, buffer, extended_error).size()};
}

Forward::Outcome Forward::State::overload(const Question& question, const Client& client, Now now, std::span<std::uint8_t> buffer, Actions& actions) {
    counters.forward_overload.add();
    counters.answers_error.add();
    if (now >= next_overload_notice) {
        next_overload_notice = now + notice_every;
        actions.emplace_back(Notice{Notice::Kind::overload,
                                    "Maximum number of concurrent DNS queries reached (max: " + std::to_string(rules->forward_max) + ")"});
    }
    if (rules->log_queries) log_failure("config", rcode::servfail, client, actions, ede::other);
    return {Outcome::Kind::answered, write_error(question, rcode::servfail, buffer, ede::other).size()};
}

// -------------------------------------------------------------------------------------------------------------- replies

void Forward::State::answer_all(InFlight& entry, const StoredReply& reply, Count& counter, Actions& actions) {
    for (const Waiter& waiter : entry.waiters) {
        const Name name = waiter.name(entry.key.lower);
        const Asker asker{waiter.id, waiter.bits, name.wire(), waiter.edns, waiter.over_tcp};
        const Handed handed = hand_out(reply, asker, {0, rules->max_ttl, rules->edns_packet_max, 0}, scratch);
        if (handed.truncated) counters.answers_truncated.add();
        counter.add();
        actions.emplace_back(Reply{waiter.client, {scratch.begin(), scratch.begin() + handed.size}});
    }
}

void Forward::State::finish(InFlight& entry, CleanReply& reply, Now now, Actions& actions) {
    const bool agent = entry.group->agent;
    // As dnsmasq: a name that has local data of another type exists, whatever the upstream says.
    if ((reply.message[3] & 15) == rcode::nxdomain && !agent && is_known_locally(*rules->local, entry.key.lower)) {
        reply.message[2] |= 0x04;  // AA
        reply.message[3] = static_cast<std::uint8_t>(reply.message[3] & 0xf0);
    }
    if (rules->log_queries) log_message("reply", reply.message, entry.asker(), actions);
    std::optional<Bytes> opt;
    if (entry.as_asked) opt = reply.opt;
    answer_all(entry, {reply.message, reply.ttl_at, reply.rotation, reply.extended_error, opt}, agent ? counters.answers_agent_dns : counters.answers_upstream, actions);
    keep(entry, reply, now);
    pending.remove(entry);
    counters.forward_pending.set(pending.size());
}

/// RFC 2308 §5 for negatives; the operator's bounds for all but the agent's replies, which say how long they are true.
void Forward::State::keep(const InFlight& entry, const CleanReply& reply, Now now) {
    if (!may_keep(entry)) return;
    auto lifetime = reply.seconds;
    if (!lifetime && reply.negative) lifetime = rules->neg_ttl;
    if (reply.negative && rules->no_negcache) lifetime.reset();
    const auto bounded = [&](std::uint32_t value) {
        if (rules->min_cache_ttl && !entry.group->agent) value = std::max(value, *rules->min_cache_ttl);
        if (rules->max_cache_ttl) value = std::min(value, *rules->max_cache_ttl);
        return value;
    };
    const std::uint32_t kept_seconds = lifetime ? std::min(bounded(*lifetime), reply.negative ? negative_seconds_max : positive_seconds_max) : 0;
    // RFC 8767 §4: an old answer is for when there is no newer one, and this one is newer.
    if (kept_seconds == 0) return cache.put(entry.key, {}, now);
    kept.assign(reply.message.begin(), reply.message.end());
    if (!entry.key.dnssec_ok) kept[3] &= 0xdf;  // AD is a word about this exchange
    for (const std::uint16_t at : reply.ttl_at) {
        std::uint32_t ttl = load_u32(kept, at);
        if (at == reply.soa_ttl_at) ttl = std::min(ttl, *lifetime);
        store_u32(kept, at, bounded(ttl));
    }
    cache.put(entry.key, {kept, reply.ttl_at, reply.rotation, reply.extended_error, seconds(kept_seconds), false}, now);
}

void Forward::State::fail(InFlight& entry, Now now, bool remember, Actions& actions) {
    auto why = entry.extended_error;
    if (!why && !entry.spoken) why = entry.unreachable ? ede::network_error : ede::no_reachable_authority;
    std::array<std::uint8_t, 512> buffer;  // NOLINT: filled by the writer
    const Bytes message = failure_message(entry.key, buffer);
    // Said as dnsmasq does: an upstream's word is a reply, what is found out here is not.
    if (rules->log_queries) log_failure(entry.spoken ? "reply" : "config", rcode::servfail, entry.asker(), actions, why);
    counters.forward_failed.add(entry.waiters.size());
    answer_all(entry, {message, {}, {}, why}, counters.answers_error, actions);
    // The agent's own failures are over the moment Consul is back.
    if (remember && !entry.refresh && !entry.group->agent && may_keep(entry)) cache.put(entry.key, {message, {}, {}, why, failure_life, true}, now);
    pending.remove(entry);
    counters.forward_pending.set(pending.size());
}

// ---------------------------------------------------------------------------------------------------------------- class

Forward::Forward(WorkerCounters& counters, Random& random) : state_(std::make_unique<State>(counters, random)) {}
Forward::~Forward() = default;

void Forward::adopt(std::shared_ptr<const Rules> rules, Now now) {
    State& s = *state_;
    s.latest = now;
    s.upstreams.adopt(*rules);
    s.rules = std::move(rules);
    ++s.epoch;
    s.cache.limit(s.rules->cache_entries, s.rules->cache_bytes, now);
    s.cache.forget_failures();
}

Forward::Outcome Forward::ask(const Question& question, const Client& client, Moment at, std::span<std::uint8_t> buffer, Actions& actions) {
    State& s = *state_;
    s.latest = at.now;
    const UpstreamGroup* route = find_route(*s.rules, question.lower);
    if (route && route->local_only) {
        s.counters.answers_local.add();
        return {Outcome::Kind::answered, write_error(question, rcode::nxdomain, buffer).size()};
    }
    return s.answer(question, client, s.upstreams.group(route), at, buffer, actions);
}

Forward::Outcome Forward::ask_agent(const Question& question, const Client& client, Moment at, std::span<std::uint8_t> buffer, Actions& actions,
                                    bool exact) {
    State& s = *state_;
    s.latest = at.now;
    const auto way = exact ? State::Way::as_asked : question.over_tcp ? State::Way::stream : State::Way::usual;
    return s.answer(question, client, s.upstreams.agent(), at, buffer, actions, way);
}

Forward::Outcome Forward::ask_own(const Question& question, const Client& client, Moment at, std::span<std::uint8_t> buffer, Actions& actions) {
    State& s = *state_;
    s.latest = at.now;
    const UpstreamGroup* route = find_route(*s.rules, question.lower);
    if (!route || route->local_only) route = default_route(*s.rules);
    return s.answer(question, client, s.upstreams.group(route), at, buffer, actions);
}

void Forward::on_reply(AttemptId attempt, Bytes message, Moment at, Actions& actions) {
    state_->latest = at.now;
    state_->on_reply(attempt, message, at.now, actions);
}

void Forward::on_failure(AttemptId attempt, Moment at, Actions& actions) {
    state_->latest = at.now;
    state_->on_failure(attempt, at.now, actions);
}

void Forward::on_tick(Moment at, Actions& actions) {
    state_->latest = at.now;
    state_->on_tick(at.now, actions);
}

std::optional<Now> Forward::deadline() const { return state_->pending.deadline(); }

std::size_t Forward::flush(const Name& suffix, Moment at, Actions& actions) {
    State& s = *state_;
    s.latest = at.now;
    const std::size_t dropped = s.cache.flush(suffix);
    for (InFlight* const entry : s.pending.below(suffix)) s.ask_again(*entry, at.now, actions);
    return dropped;
}

void Forward::forget(std::uint64_t connection) { state_->pending.forget(connection); }

void Forward::fail_all(Actions& actions) {
    State& s = *state_;
    for (InFlight* const entry : s.pending.below(Name{})) {
        s.close_all(*entry, s.latest, false, actions);
        s.fail(*entry, s.latest, false, actions);
    }
}

std::vector<TableRow> Forward::table(Moment at, std::size_t rows_max) const {
    std::vector<TableRow> rows;
    state_->cache.for_each([&](const Name& name, std::uint16_t type, Bytes message, Now expires) {
        add_reply_rows(name, type, message, at.unix_seconds + std::chrono::duration_cast<seconds>(expires - at.now).count(), rows_max, rows);
        return rows.size() < rows_max;
    });
    return rows;
}

std::size_t Forward::pending() const { return state_->pending.size(); }
std::vector<UpstreamReport> Forward::upstream_reports(Now now) const { return state_->upstreams.reports(now); }

}  // namespace lictor
