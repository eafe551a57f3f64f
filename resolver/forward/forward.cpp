// Queries in, replies out. Counts cache hits and misses and queries in flight; `answer::conclude` counts the answers.
#include "resolver/forward/forward.hpp"

#include <algorithm>

#include "resolver/answer/conclude.hpp"
#include "resolver/answer/query_log.hpp"
#include "resolver/forward/client_options.hpp"
#include "resolver/forward/state.hpp"
#include "resolver/rules/domain_match.hpp"

namespace lictor::forward {
namespace {

/// The bound of waiting clients over all queries, as a multiple of dns-forward-max, and its lower limit.
constexpr std::size_t waiters_each = 4, waiters_least = 4096;
/// RFC 9520 §3.2: a failure is cached for at least a second. A longer time would lengthen every outage.
constexpr microseconds failure_life = seconds(1);
/// How long the sockets of a query without an answer stay open for a late reply, and for how many queries at a time.
constexpr microseconds linger_life = milliseconds(5500);
constexpr std::size_t lingering_max = 250;
/// How long an NXDOMAIN waits for the answer of the other address family. Both queries are usually sent together.
constexpr microseconds other_family_wait = milliseconds(200);
/// Upper limits: RFC 2308 §5 recommends one to three hours for negative answers; RFC 8767 §4 recommends days for others.
constexpr std::uint32_t negative_seconds_max = 3 * 3600, positive_seconds_max = 86'400;

using answer::Cause;
using answer::Source;

/// The servers of an entry's group, as texts name them.
std::string_view name_of(const InFlight& entry) { return entry.group->agent ? "the agent's DNS" : "the upstreams"; }

wire::Asker asker_of(const wire::Question& question) {
    return {question.header.id, static_cast<std::uint16_t>(question.header.bits & (header_bit::rd | header_bit::cd)), question.name.wire(),
            question.edns, question.over_tcp};
}

/// A hash of all parts of a query, besides the key, that can change the agent's answer.
std::uint64_t hash_as_asked(const wire::Question& question) {
    const wire::Bytes name = question.name.wire(), subnet = question.edns.subnet_option();
    std::vector<std::uint8_t> all(name.begin(), name.end());
    all.insert(all.end(), subnet.begin(), subnet.end());
    const wire::Edns& edns = question.edns;
    for (const unsigned value : {question.header.bits & unsigned{header_bit::rd | header_bit::ad | header_bit::cd}, unsigned{edns.udp_size},
                                 unsigned{edns.version} << 1 | (edns.present ? 1u : 0u)}) {
        all.push_back(static_cast<std::uint8_t>(value >> 8));
        all.push_back(static_cast<std::uint8_t>(value));
    }
    return wire::NameHash{}(all);
}

/// Header and question of a SERVFAIL.
wire::Bytes failure_message(const QuestionKey& key, std::span<std::uint8_t> buffer) {
    wire::Question question;
    question.name = question.lower = key.lower;
    question.type = key.type;
    question.klass = key.klass;
    question.end = wire::header_size + key.lower.size() + 4;
    wire::Writer writer(buffer);
    writer.begin_reply(question, rcode::servfail, header_bit::ra);
    return writer.finish();
}

/// The domain of a route of `rules`, for a witness.
answer::Step step_of(const rules::Rules& rules, const rules::UpstreamGroup& route) {
    const answer::Rule rule = route.local_only ? answer::Rule::local_only : answer::Rule::route;
    for (const auto* table : {&rules.routes, &rules.starred_routes})
        for (const auto& [key, group] : *table)
            if (&group == &route) return {rule, key};
    return {rule, {}, rules.dotless && &*rules.dotless == &route};
}

/// Turns NXDOMAIN into NODATA: the name exists, the type does not. AD no longer applies.
void deny_type_only(std::uint8_t* message) { wire::change_bits(message, 0, header_bit::rcode | header_bit::ad); }

}  // namespace

// ------------------------------------------------------------------------------------------------------------ queries

bool Forward::State::asks_for_ad(const wire::Question& question) const {
    return rules->proxy_dnssec && (question.header.bits & header_bit::ad) != 0;
}

QuestionKey Forward::State::key_of(const wire::Question& question) const {
    QuestionKey key = QuestionKey::of(question);
    key.authentic = asks_for_ad(question);
    return key;
}

std::optional<answer::Answer> Forward::State::from_cache(const wire::Question& question, bool agent, bool by_stream, Now now,
                                                         std::span<std::uint8_t> buffer) {
    if (rules->cache_size == 0) return note_cache({answer::CacheSeen::State::off}), std::nullopt;
    const std::optional<microseconds> stale_for = agent ? std::nullopt : rules->use_stale_cache;
    const bool authentic = asks_for_ad(question);
    const auto hit =
        witness ? cache.look(question, now, stale_for, by_stream, authentic) : cache.find(question, now, stale_for, by_stream, authentic);
    if (witness) {
        using Seen = answer::CacheSeen::State;
        note_cache(!hit ? answer::CacheSeen{}
                        : answer::CacheSeen{hit->failure   ? Seen::failure
                                            : hit->expired ? Seen::stale
                                                           : Seen::hit,
                                            hit->age, hit->left});
    } else {
        (hit ? counters.cache_hits : counters.cache_misses).add();
    }
    if (!hit) return std::nullopt;
    answer::Reason reason{hit->cause, 0, {}, {}, hit->extended_error};
    if (hit->failure) reason = {Cause::cached_failure, hit->age, {}, {}, hit->extended_error};
    if (hit->expired) reason = {Cause::cache_stale, answer::whole_seconds(*hit->expired)};
    const wire::Served served = wire::serve(
        hit->reply, asker_of(question),
        {hit->age, rules->max_ttl, rules->edns_packet_max, rules->no_round_robin ? 0 : hit->turn, answer::opt_room(question.edns, reason)},
        buffer);
    if (wire::rcode_of(hit->reply.message) == rcode::nxdomain && !agent && !question.edns.dnssec_ok &&
        cache.has_other_type(key_of(question), now))
        deny_type_only(buffer.data());
    answer::Answer answer = answer::Answer::from(hit->failure ? Source::error : Source::cache, served.size, reason);
    answer.truncated = served.truncated;
    return answer;
}

/// Answers from the cache, else asks the group's upstreams.
answer::Answer Forward::State::answer(const wire::Question& question, const answer::Client& client, const std::shared_ptr<Group>& group,
                                      Moment at, std::span<std::uint8_t> buffer, answer::Actions& actions, Way way) {
    const bool own = way == Way::as_asked || way == Way::uncached ||
                     (rules->add_subnet && group && !group->agent && depends_on_client(*rules->add_subnet, client.peer.address));
    if (!own) {
        if (auto hit = from_cache(question, group && group->agent, way == Way::stream, at.now, buffer)) {
            if (hit->reason.cause == Cause::cache_stale && group && !witness) refresh(question, client, group, at, actions);
            return *std::move(hit);
        }
    } else {
        note_cache({answer::CacheSeen::State::not_used});
    }
    return ask(question, client, group, at, buffer, actions, way);
}

/// use-stale-cache: after an expired answer was returned, fetches a new one for the cache.
void Forward::State::refresh(const wire::Question& question, const answer::Client& client, const std::shared_ptr<Group>& group, Moment at,
                             answer::Actions& actions) {
    const QuestionKey key = key_of(question);
    const clients::ClientKey owner = clients::client_of(client.peer);
    if (pending.find(key, group.get()) || !pending.may_begin(owner, rules->dns_forward_max)) return;
    if (!counters.memory.fits(budget::Kind::forward, Pending::entry_bytes + Pending::attempt_bytes)) return;
    std::vector<std::uint8_t> options;
    const std::size_t actions_before = actions.size();
    InFlight* entry = nullptr;
    try {
        if (!group->agent) options = client_options(*rules, client.peer.address);
        entry = &pending.add(key, group, epoch, owner);
        entry->options = std::move(options);
        pending.weigh(*entry);
        entry->refresh = true;
        entry->begun = at.now;
        counters.forward_pending.set(in_flight());
        begin(*entry, at.now, actions);
    } catch (const std::bad_alloc&) {  // the client has its stale answer; a later query asks again
        actions.erase(actions.begin() + static_cast<std::ptrdiff_t>(actions_before), actions.end());
        if (entry) remove(*entry);
    }
}

answer::Answer Forward::State::ask(const wire::Question& question, const answer::Client& client, const std::shared_ptr<Group>& group,
                                   Moment at, std::span<std::uint8_t> buffer, answer::Actions& actions, Way way) {
    if (!group) return answer::Answer::failed(question, {Cause::no_upstream}, buffer);
    QuestionKey key = key_of(question);
    key.by_stream = way == Way::stream || (way == Way::as_asked && question.over_tcp);
    std::vector<std::uint8_t> options;
    if (way == Way::uncached) key.client = 1;  // replies to a key with a client are not cached
    if (way == Way::as_asked) {
        key.client = hash_as_asked(question) | 1;
        options = same_options(question.edns);
    }
    if (!group->agent && (rules->add_subnet || !rules->add_cpe_id.empty())) {
        options = client_options(*rules, client.peer.address);
        if (rules->add_subnet && depends_on_client(*rules->add_subnet, client.peer.address)) key.client = wire::NameHash{}(options) | 1;
    }
    const clients::ClientKey owner = clients::client_of(client.peer);
    if (InFlight* const entry = pending.find(key, group.get())) {
        if (entry->lingers && !pending.may_begin(owner, rules->dns_forward_max)) return overload(question, client, at.now, buffer, actions);
        if (witness) return note_forward(*group, entry, at.now), answer::Answer::comes_later();
        if (!make_room(Pending::waiter_bytes, at.now)) return out_of_memory(question, buffer);
        switch (pending.join(*entry, Waiter::of(question, client, at.now), waiters_max())) {
            case Pending::Join::full: return overload(question, client, at.now, buffer, actions);
            case Pending::Join::joined: counters.forward_joined.add(); break;
            case Pending::Join::repeated: break;
        }
        if (std::exchange(entry->lingers, false)) {
            --lingering;
            pending.own(*entry, owner);
            counters.forward_pending.set(in_flight());
            entry->begun = at.now;
            // RFC 9520 §3.2: nothing is sent again within a second.
            if (const Now again = entry->failed + failure_life; at.now < again) begin_later(*entry, again, at.now);
            else begin_anew(*entry, at.now, actions);
        }
        return answer::Answer::comes_later();
    }
    if (!pending.may_begin(owner, rules->dns_forward_max) || !pending.may_wait(owner, waiters_max()))
        return overload(question, client, at.now, buffer, actions);
    if (witness) return note_forward(*group, nullptr, at.now), answer::Answer::comes_later();
    const std::size_t extra = options.capacity() + (way == Way::as_asked ? sizeof(wire::Question) : 0);
    if (!make_room(Pending::entry_bytes + Pending::waiter_bytes + Pending::attempt_bytes + extra, at.now))
        return out_of_memory(question, buffer);
    InFlight& entry = pending.add(key, group, epoch, owner);
    const std::size_t actions_before = actions.size();
    try {
        entry.options = std::move(options);
        if (way == Way::as_asked) entry.as_asked = std::make_shared<const wire::Question>(question);
        pending.weigh(entry);
        pending.join(entry, Waiter::of(question, client, at.now), waiters_max());
        counters.forward_pending.set(in_flight());
        entry.begun = at.now;
        begin(entry, at.now, actions);
    } catch (const std::bad_alloc&) {
        // Nothing was sent yet: no reply may come for an entry that is not there.
        actions.erase(actions.begin() + static_cast<std::ptrdiff_t>(actions_before), actions.end());
        remove(entry);
        throw;
    }
    return answer::Answer::comes_later();
}

bool Forward::State::make_room(std::size_t bytes, Now now) {
    budget::Account& memory = counters.memory;
    if (memory.fits(budget::Kind::forward, bytes)) return true;
    if (!witness) cache.give_up(bytes, memory.part(budget::cache_kept_percent), now);
    return memory.fits(budget::Kind::forward, bytes);
}

answer::Answer Forward::State::out_of_memory(const wire::Question& question, std::span<std::uint8_t> buffer) {
    counters.memory.count_shed(budget::Kind::forward);
    return answer::Answer::failed(question, {Cause::memory}, buffer);
}

std::size_t Forward::State::waiters_max() const { return std::max<std::size_t>(waiters_least, waiters_each * rules->dns_forward_max); }

answer::Answer Forward::State::overload(const wire::Question& question, const answer::Client& client, Now now,
                                        std::span<std::uint8_t> buffer, answer::Actions& actions) {
    const clients::ClientKey owner = clients::client_of(client.peer);
    const bool share = (in_flight() < rules->dns_forward_max && !pending.may_begin(owner, rules->dns_forward_max)) ||
                       (pending.waiters() < waiters_max() && !pending.may_wait(owner, waiters_max()));
    if (!witness && notices.due(answer::NoticeKind::overload, now))
        actions.emplace_back(answer::Notice{
            answer::NoticeKind::overload,
            share ? client.peer.text() + " has its share of the concurrent DNS queries (it began " +
                        std::to_string(pending.begun_by(owner)) + ", max: " + std::to_string(rules->dns_forward_max) + ")"
                  : "Maximum number of concurrent DNS queries reached (max: " + std::to_string(rules->dns_forward_max) + ")"});
    return answer::Answer::failed(question, {share ? Cause::client_share : Cause::overload}, buffer);
}

void Forward::State::note_cache(answer::CacheSeen seen) const {
    if (witness) witness->cache = seen;
}

void Forward::State::note_forward(const Group& group, const InFlight* entry, Now now) const {
    answer::ForwardSeen& seen = witness->forward.emplace();
    seen.agent = group.agent;
    seen.in_flight = entry && !entry->lingers;
    seen.all = !group.agent && group.members.size() > 1 && (rules->all_servers || race_is_due(group, now));
    std::vector<Tried> tried(group.members.size());
    while (const auto next = pick(group, tried, rules->strict_order, now)) {
        tried[*next].useless = true;
        const Target& target = *group.members[*next];
        const UpstreamReport report = target.report(now);
        seen.upstreams.push_back({report.endpoint, target.upstream().interface, report.rtt, report.down});
    }
}

// -------------------------------------------------------------------------------------------------------------- replies

void Forward::State::answer_all(InFlight& entry, const wire::StoredReply& reply, const answer::Answer& kind, answer::Actions& actions) {
    const answer::Context context{counters, *rules, actions, latest};
    bool logged = false;
    for (const Waiter& waiter : entry.waiters) {
        const wire::Name name = waiter.name(entry.key.lower);
        const wire::Asker asker{waiter.id, waiter.bits, name.wire(), waiter.edns, waiter.over_tcp};
        const wire::Served served =
            wire::serve(reply, asker, {0, rules->max_ttl, rules->edns_packet_max, 0, answer::opt_room(waiter.edns, kind.reason)}, scratch);
        answer::Answer answer = kind;
        answer.size = served.size;
        answer.truncated = served.truncated;
        answer::conclude(answer, {waiter.client, waiter.edns, waiter.over_tcp, !std::exchange(logged, true)}, scratch, context);
        actions.emplace_back(answer::Reply{waiter.client, {scratch.begin(), scratch.begin() + answer.size}, answer.reason});
    }
}

InFlight* Forward::State::other_family(const InFlight& entry) {
    if (entry.key.type != rrtype::a && entry.key.type != rrtype::aaaa) return nullptr;
    QuestionKey other = entry.key;
    other.type = entry.key.type == rrtype::a ? rrtype::aaaa : rrtype::a;
    return pending.find(other, entry.group.get());
}

void Forward::State::finish(InFlight& entry, CleanReply& reply, Now now, answer::Actions& actions) {
    InFlight* const other = other_family(entry);
    const bool denies = wire::rcode_of(reply.message) == rcode::nxdomain && !entry.group->agent && !entry.key.dnssec_ok;
    if (denies && other && !other->denied) {
        entry.denied = std::make_unique<CleanReply>(std::move(reply));
        pending.weigh(entry);
        entry.next_try.reset();
        entry.ends = std::min(other->ends, now + other_family_wait);
        return schedule(entry);
    }
    const bool exists = wire::rcode_of(reply.message) == rcode::noerror && !reply.negative;
    conclude_reply(entry, reply, false, now, actions);
    release_denied(other, exists, now, actions);
}

void Forward::State::release_denied(InFlight* entry, bool exists, Now now, answer::Actions& actions) {
    if (!entry || !entry->denied) return;
    const std::unique_ptr<CleanReply> reply = std::move(entry->denied);
    conclude_reply(*entry, *reply, exists, now, actions);
}

void Forward::State::conclude_reply(InFlight& entry, CleanReply& reply, bool exists, Now now, answer::Actions& actions) {
    const bool agent = entry.group->agent;
    // As in dnsmasq: a name that exists in local data with another type, so NXDOMAIN from an upstream becomes NODATA.
    if (wire::rcode_of(reply.message) == rcode::nxdomain && !agent && rules::exists_locally(*rules, entry.key.lower))
        wire::change_bits(reply.message.data(), header_bit::aa, header_bit::rcode | header_bit::ad);
    answer::Answer answer = answer::Answer::from(agent ? Source::agent_dns : Source::upstream, reply.message.size(), {reply.cause});
    const unsigned code = wire::rcode_of(reply.message);
    if (code != rcode::noerror && code != rcode::nxdomain) answer.reason = {Cause::upstream_code};
    std::optional<wire::Bytes> opt;
    if (entry.as_asked) opt = reply.opt, answer.opt = answer::Opt::none;
    reply.cause = answer.reason.cause;
    keep(entry, reply, now);
    // Not in the cache: there the other answer decides, as long as it lives.
    if (code == rcode::nxdomain && !agent && !entry.key.dnssec_ok && (exists || cache.has_other_type(entry.key, now)))
        deny_type_only(reply.message.data());
    if (entry.waiters.empty() && rules->log_queries) answer::log_answer(answer, reply.message, {}, *rules, actions);
    answer_all(entry, {reply.message, reply.ttl_at, reply.rotation, opt}, answer, actions);
    remove(entry);
}

/// Caches a reply if it may be: negative ones by RFC 2308 §5, within the configured bounds. min-cache-ttl does not apply to the agent's
/// replies.
void Forward::State::keep(const InFlight& entry, const CleanReply& reply, Now now) {
    if (!may_keep(entry) || wire::read_header(reply.message)->tc()) return;
    auto lifetime = reply.seconds;
    if (!lifetime && reply.negative) lifetime = rules->neg_ttl;
    if (reply.negative && rules->no_negcache) lifetime.reset();
    const auto bounded = [&](std::uint32_t value) {
        if (rules->min_cache_ttl && !entry.group->agent) value = std::max(value, *rules->min_cache_ttl);
        if (rules->max_cache_ttl) value = std::min(value, *rules->max_cache_ttl);
        return value;
    };
    const std::uint32_t kept_seconds =
        lifetime ? std::min(bounded(*lifetime), reply.negative ? negative_seconds_max : positive_seconds_max) : 0;
    // RFC 8767 §4: a stale answer is for times without a newer one. This one is newer, so the old one is removed.
    if (kept_seconds == 0) return cache.put(entry.key, {}, now);
    kept.assign(reply.message.begin(), reply.message.end());
    if (!entry.key.dnssec_ok && !entry.key.authentic) wire::change_bits(kept.data(), 0, header_bit::ad);  // the client did not ask for it
    for (const std::uint16_t at : reply.ttl_at) {
        std::uint32_t ttl = load_u32(kept.data() + at);
        if (at == reply.soa_ttl_at) ttl = std::min(ttl, *lifetime);
        store_u32(kept.data() + at, bounded(ttl));
    }
    cache.put(entry.key, {kept, reply.ttl_at, reply.rotation, reply.cause, {}, seconds(kept_seconds), false}, now);
}

answer::Reason Forward::State::failure_of(const InFlight& entry, Now now) const {
    const std::string_view name = name_of(entry);
    if (entry.replied || entry.extended_error) return {Cause::upstream_failed, 0, name, {}, entry.extended_error};
    if (entry.unreachable) return {Cause::upstream_unreachable, 0, name};
    return {Cause::upstream_silent, answer::whole_seconds(now - entry.begun), name};
}

void Forward::State::answer_failure(InFlight& entry, Now now, answer::Actions& actions, std::optional<answer::Reason> reason) {
    answer::Answer answer = answer::Answer::from(Source::error, 0, reason ? *reason : failure_of(entry, now));
    if (entry.as_asked) answer.opt = answer::Opt::agents;
    std::array<std::uint8_t, 512> buffer;  // NOLINT: filled by the writer
    const wire::Bytes message = failure_message(entry.key, buffer);
    if (entry.waiters.empty() && rules->log_queries) answer::log_answer(answer, message, {}, *rules, actions);
    answer_all(entry, {message, {}, {}}, answer, actions);
    // Failures of the agent's DNS are not cached: they end as soon as Consul is back. Nor is the failure to reach an upstream that
    // restarts.
    const auto& members = entry.group->members;
    const bool restarts = answer.reason.cause == Cause::upstream_unreachable &&
                          std::any_of(members.begin(), members.end(), [&](const auto& target) { return target->may_come_back(now); });
    // While the entry lingers, clients join it.
    if (!reason && !entry.refresh && !entry.lingers && !entry.group->agent && !restarts && may_keep(entry))
        cache.put(entry.key, {message, {}, {}, Cause::none, answer::extended_error_of(answer.reason, rcode::servfail), failure_life, true},
                  now);
}

void Forward::State::fail(InFlight& entry, Now now, answer::Actions& actions, std::optional<answer::Reason> reason) {
    InFlight* const other = other_family(entry);
    const std::unique_ptr<CleanReply> partial = reason ? nullptr : std::move(entry.partial);
    if (partial) {
        conclude_reply(entry, *partial, false, now, actions);
    } else {
        answer_failure(entry, now, actions, reason);
        remove(entry);
    }
    release_denied(other, partial != nullptr, now, actions);
}

void Forward::State::time_out(InFlight& entry, Now now, answer::Actions& actions) {
    const bool silent = !entry.attempts.empty() && may_keep(entry) && !entry.group->agent;
    const bool pressed = counters.memory.room(budget::Kind::cache) == 0;
    if (entry.lingers || entry.partial || !silent || lingering >= lingering_max || pressed) {
        close_all(entry, now, !entry.lingers, actions);
        return fail(entry, now, actions);
    }
    for (const Attempt& attempt : entry.attempts)
        if (now >= attempt.wait_ends) count_timeout(entry, attempt, now);
    entry.lingers = true;
    entry.failed = now;
    ++lingering;
    answer_failure(entry, now, actions, {});
    pending.drop_waiters(entry);
    counters.forward_pending.set(in_flight());
    entry.next_try.reset();
    entry.ends = now + linger_life;
    InFlight* const other = other_family(entry);
    schedule(entry);
    release_denied(other, false, now, actions);
}

void Forward::State::remove(InFlight& entry) {
    if (entry.lingers) --lingering;
    pending.remove(entry);
    counters.forward_pending.set(in_flight());
}

// ---------------------------------------------------------------------------------------------------------------- class

Forward::Forward(metrics::WorkerCounters& counters, Random& random) : state_(std::make_unique<State>(counters, random)) {}
Forward::~Forward() = default;

void Forward::adopt(std::shared_ptr<const rules::Rules> rules, Now now) {
    State& s = *state_;
    s.latest = now;
    s.upstreams.adopt(*rules);
    s.rules = std::move(rules);
    ++s.epoch;
    s.cache.limit(s.rules->cache_size, s.rules->cache_bytes, now);
    s.cache.erase_failures();
}

answer::Answer Forward::ask(const wire::Question& question, const answer::Client& client, Moment at, std::span<std::uint8_t> buffer,
                            answer::Actions& actions, Caching caching) {
    State& s = *state_;
    s.latest = at.now;
    const rules::UpstreamGroup* route = rules::find_route(*s.rules, question.lower);
    if (s.witness && route) s.witness->steps.push_back(step_of(*s.rules, *route));
    if (route && route->local_only) return answer::Answer::from(Source::local, wire::write_error(question, rcode::nxdomain, buffer).size());
    return s.answer(question, client, s.upstreams.group(route), at, buffer, actions,
                    caching == Caching::off ? State::Way::uncached : State::Way::usual);
}

answer::Answer Forward::ask_agent(const wire::Question& question, const answer::Client& client, Moment at, std::span<std::uint8_t> buffer,
                                  answer::Actions& actions, bool exact) {
    State& s = *state_;
    s.latest = at.now;
    const auto way = exact ? State::Way::as_asked : question.over_tcp ? State::Way::stream : State::Way::usual;
    return s.answer(question, client, s.upstreams.agent(), at, buffer, actions, way);
}

answer::Answer Forward::ask_own(const wire::Question& question, const answer::Client& client, Moment at, std::span<std::uint8_t> buffer,
                                answer::Actions& actions) {
    State& s = *state_;
    s.latest = at.now;
    const rules::UpstreamGroup* route = rules::find_route(*s.rules, question.lower);
    if (!route || route->local_only) route = rules::default_route(*s.rules);
    return s.answer(question, client, s.upstreams.group(route), at, buffer, actions);
}

void Forward::explain_to(answer::Witness* witness) { state_->witness = witness; }

void Forward::on_reply(answer::AttemptId attempt, wire::Bytes message, Moment at, answer::Actions& actions) {
    state_->latest = at.now;
    state_->on_reply(attempt, message, at.now, actions);
}

void Forward::on_failure(answer::AttemptId attempt, Moment at, answer::Actions& actions) {
    state_->latest = at.now;
    state_->on_failure(attempt, at.now, actions);
}

void Forward::on_tick(Moment at, answer::Actions& actions) {
    state_->latest = at.now;
    state_->on_tick(at.now, actions);
}

std::optional<Now> Forward::deadline() const { return state_->pending.deadline(); }

std::size_t Forward::flush(const wire::Name& suffix, Moment at, answer::Actions& actions) {
    State& s = *state_;
    s.latest = at.now;
    const std::size_t dropped = s.cache.flush(suffix);
    for (InFlight* const entry : s.pending.below(suffix)) s.ask_again(*entry, at.now, actions);
    return dropped;
}

void Forward::tidy(Now now) {
    state_->cache.drop_expired_failures(now);
    state_->pending.tidy();
}

void Forward::drop_connection(std::uint64_t connection) { state_->pending.drop_connection(connection); }

void Forward::fail_all(answer::Actions& actions) {
    State& s = *state_;
    for (InFlight* const entry : s.pending.below(wire::Name{})) {
        s.close_all(*entry, s.latest, false, actions);
        s.fail(*entry, s.latest, actions, answer::Reason{Cause::stopping});
    }
}

std::vector<TableRow> Forward::table(Moment at, std::size_t rows_max) const {
    std::vector<TableRow> rows;
    state_->cache.for_each([&](const wire::Name& name, std::uint16_t type, wire::Bytes message, Now expires) {
        add_reply_rows(name, type, message, at.unix_seconds + std::chrono::duration_cast<seconds>(expires - at.now).count(), rows_max,
                       rows);
        return rows.size() < rows_max;
    });
    return rows;
}

std::vector<UpstreamReport> Forward::upstream_reports(Now now) const { return state_->upstreams.reports(now); }

}  // namespace lictor::forward
