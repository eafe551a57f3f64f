// What is the result of a query with the current View? The sources in order: Consul's zone, local data, aliases, the agent's DNS,
// upstreams. The first source that applies answers. Each decision starts from the top; only aliases whose targets are being asked are
// stored.
#include <algorithm>
#include <new>

#include "conf/metrics/causes.hpp"
#include "conf/values/range_values.hpp"
#include "resolver/answer/query_log.hpp"
#include "resolver/core/chaos.hpp"
#include "resolver/core/resolver_state.hpp"
#include "resolver/local/alias.hpp"
#include "resolver/rules/domain_match.hpp"
#include "resolver/zone/alias_zone.hpp"
#include "resolver/zone/operator_route.hpp"
#include "watch/catalog/give_way.hpp"

namespace lictor::core {
namespace {

constexpr unsigned alias_depth_max = 8;
constexpr microseconds sample_every = milliseconds(40);
constexpr std::uint64_t alias_bit = std::uint64_t{1} << 63;

metrics::Count& count_of(metrics::WorkerCounters& counters, std::uint16_t type) {
    switch (type) {
        case rrtype::a: return counters.type_a;
        case rrtype::aaaa: return counters.type_aaaa;
        case rrtype::any: return counters.type_any;
        case rrtype::cname: return counters.type_cname;
        case rrtype::https: return counters.type_https;
        case rrtype::mx: return counters.type_mx;
        case rrtype::ns: return counters.type_ns;
        case rrtype::ptr: return counters.type_ptr;
        case rrtype::soa: return counters.type_soa;
        case rrtype::srv: return counters.type_srv;
        case rrtype::svcb: return counters.type_svcb;
        case rrtype::txt: return counters.type_txt;
        default: return counters.type_other;
    }
}

}  // namespace

/// True if the client is on this machine or on one of its networks.
bool Resolver::State::is_on_link(const Address& client) const {
    const auto& interfaces = view->rules->interfaces;
    return client.is_loopback() || std::any_of(interfaces.begin(), interfaces.end(), [&](const rules::InterfaceAddress& at) {
               return conf::contains(conf::Network{at.address, at.bits}, client);
           });
}

/// Sets the members of a parsed question that depend on how it came.
void Resolver::State::set_transport(wire::Question& question, const answer::Client& client) const {
    const Address& from = client.peer.address;
    question.over_tcp = client.connection != 0;
    // A program on this machine that asks a second address of it comes from the first.
    question.edns.same_host =
        from.is_loopback() || from == client.local ||
        std::ranges::any_of(view->rules->interfaces, [&](const rules::InterfaceAddress& own) { return own.address == from; });
}

/// True if the client is not answered because it is non-local (see Rules::local_service).
bool Resolver::State::is_non_local(const answer::Client& client) const {
    return view->rules->local_service && !is_on_link(client.peer.address);
}

/// Counts the message of a non-local client, and logs the first one.
void Resolver::State::ignore_non_local(const answer::Client& client, Now now, answer::Actions& actions) {
    counters.dropped_foreign.add();
    if (notices.due(answer::NoticeKind::non_local, now))
        actions.emplace_back(answer::Notice{answer::NoticeKind::non_local,
                                            "ignoring query from non-local network " + client.peer.address.text() + " (logged only once)"});
}

/// True if the query is one of our loop probes: it is reported to the control thread and not answered.
bool Resolver::State::is_own_probe(const wire::Question& question, answer::Actions& actions) {
    const auto& probes = view->rules->loop_probes;
    if (probes.empty() || question.type != rrtype::txt) return false;
    const auto probe = std::find_if(probes.begin(), probes.end(), [&](const auto& row) { return row.first == question.lower; });
    if (probe == probes.end()) return false;
    actions.emplace_back(answer::LoopFound{probe->second});
    return true;
}

/// Logs the query (log-queries) and samples some for the comparison with another server (shadow).
void Resolver::State::note(const wire::Question& question, const answer::Client& client, Moment at, answer::Actions& actions) {
    if (view->rules->sample && at.now >= next_sample) {
        next_sample = at.now + sample_every;
        actions.emplace_back(answer::Sampled{question.lower, question.type});
    }
    if (view->rules->log_queries) answer::log_query(question, client, actions);
}

bool Resolver::State::answers_as_agent(const wire::Question& question) const {
    return view->catalog->settings->agent.strict && (consul_domain(question.lower) || reverse_domain(question));
}

/// The error reply to a message that cannot be decided; or the answer to several CHAOS questions in one message.
Answer Resolver::State::answer_fault(wire::QuestionFault fault, const wire::Question& question, wire::Bytes message, Moment at,
                                     std::span<std::uint8_t> buffer) {
    if (fault == wire::QuestionFault::no_question && question.edns.cookie_size != 0)
        return Answer::from(answer::Source::local, wire::write_error(question, rcode::noerror, buffer).size());
    if (fault == wire::QuestionFault::formerr) {
        const auto size = answer_chaos_together(
            message, question.over_tcp, *view->rules, [&] { return totals(at.now); }, buffer);
        if (size) {
            Answer answer = Answer::from(answer::Source::local, *size);
            answer.opt = answer::Opt::none;
            return answer;
        }
    }
    const Cause cause = fault == wire::QuestionFault::notimp    ? Cause::opcode
                        : fault == wire::QuestionFault::badvers ? Cause::edns_version
                                                                : Cause::malformed;
    return Answer::failed(question, {cause}, buffer);
}

const wire::Name* Resolver::State::consul_domain(const wire::Name& lower) const {
    const wire::Name* longest = nullptr;
    for (const wire::Name& domain : domains)
        if (lower.is_below_or_equal(domain) && (!longest || domain.size() > longest->size())) longest = &domain;
    return longest;
}

/// Consul's primary domain if a rule routes this reverse name to Consul, else null.
const wire::Name* Resolver::State::reverse_domain(const wire::Question& question) const {
    if (view->rules->consul_reverse.empty() || domains.empty()) return nullptr;
    if (question.lower.top() != "arpa") return nullptr;
    for (wire::Name at = question.lower;; at = at.parent()) {
        if (view->rules->consul_reverse.contains(at)) return &domains.front();
        if (at.is_root()) return nullptr;
    }
}

/// Rules at or below the Consul domain come first: local data, then for a route its upstreams, unless it leads to Consul. Without a route
/// Consul answers the rest.
Resolver::State::OperatorData Resolver::State::operator_data(const wire::Name& lower, const wire::Name& domain) const {
    const rules::Rules& rules = *view->rules;
    OperatorData found = local::has_local_data(*rules.local, lower, domain) ? OperatorData::data : OperatorData::nothing;
    rules::for_each_domain(rules, lower, [&](const wire::Name& at, const rules::DomainLines& place) {
        if (at.size() < domain.size()) return true;
        const bool route = place.route && !zone::leads_to_consul(rules, *place.route, lower, domain, *view->catalog->settings);
        if (route) found = OperatorData::route;
        else if (place.wildcard) found = OperatorData::data;
        return found == OperatorData::route;
    });
    return found;
}

Answer Resolver::State::fail(const wire::Question& question, answer::Reason reason, std::span<std::uint8_t> buffer) const {
    Answer answer = Answer::failed(question, reason, buffer);
    if (answers_as_agent(question)) answer.opt = answer::Opt::agents;
    return answer;
}

Answer Resolver::State::delegate(const wire::Question& question, const answer::Client& client, Moment at, std::span<std::uint8_t> buffer,
                                 answer::Actions& actions) {
    if (!view->rules->agent_dns) return fail(question, {Cause::no_agent_dns}, buffer);
    answer::note(witness, answer::Rule::agent_dns, question.lower);
    agent_asked = agent_asked || !witness;
    return forward.ask_agent(question, client, at, buffer, actions, view->catalog->settings->agent.strict);
}

Answer Resolver::State::decide_consul(const wire::Question& question, const wire::Name& domain, const answer::Client& client, Moment at,
                                      std::span<std::uint8_t> buffer, answer::Actions& actions, bool has_local_data) {
    answer::note(witness, question.lower.is_below_or_equal(domain) ? answer::Rule::consul_domain : answer::Rule::consul_reverse, domain);
    const zone::ZoneContext context{*view->catalog,      *zone_random,   at,     view->rules->edns_packet_max,
                                    view->runtime.get(), has_local_data, witness};
    auto answer = zone::answer_zone(question, domain, context, buffer);
    return answer ? *std::move(answer) : delegate(question, client, at, buffer, actions);
}

Answer Resolver::State::decide_alias(const wire::Question& question, const rules::LocalAlias& alias, const answer::Client& client,
                                     Moment at, std::span<std::uint8_t> buffer, answer::Actions& actions, unsigned depth) {
    if (depth >= alias_depth_max) return fail(question, {Cause::alias_chain}, buffer);
    wire::Question target = question;
    target.name = target.lower = alias.target;
    target.end = wire::header_size + alias.target.size() + 4;
    target.over_tcp = true;  // the target's reply is not truncated; the alias' reply is, to its client's size
    const std::uint64_t ticket = alias_bit | next_alias++;
    answer::Client inner;
    inner.listen_socket = answer::alias_socket;
    inner.connection = ticket;
    inner.peer = client.peer;
    inner.serial = client.serial;
    inner.arrived = client.arrived;
    wire::MessageBuffer part;
    Answer decided = decide(target, inner, at, part, actions, depth + 1);
    if (decided.kind == Answer::Kind::waits) return decided;
    if (decided.kind == Answer::Kind::later) {
        if (witness) return decided;
        PendingAlias& waits = aliases.emplace(ticket, PendingAlias{question, client, alias.target, alias.ttl}).first->second;
        if (waits.client.arrived == Now{}) waits.client.arrived = at.now;
        return decided;
    }
    if (!witness) conclude(decided, target, inner, part, actions);
    return local::write_alias_reply(question, alias, wire::Bytes(part).first(decided.size), decided.reason, buffer, reply_limit(question));
}

/// Turns replies for targets of aliases into the aliases' replies.
void Resolver::State::finish_aliases(answer::Actions& actions, std::size_t from) {
    for (std::size_t i = from; i < actions.size(); ++i) {
        const auto* found = std::get_if<answer::Reply>(&actions[i]);
        if (!found || found->client.listen_socket != answer::alias_socket) continue;
        // Moved out of the list, to which lines of the query log are added meanwhile.
        answer::Reply reply = std::move(std::get<answer::Reply>(actions[i]));
        try {
            finish_alias(reply, actions);
        } catch (const std::bad_alloc&) {
            give_up_alias(reply, actions);
        }
        std::get<answer::Reply>(actions[i]) = std::move(reply);
    }
    std::erase_if(actions, [](const answer::CoreAction& action) {
        const auto* reply = std::get_if<answer::Reply>(&action);
        return reply && reply->client.listen_socket == answer::alias_socket;
    });
}

void Resolver::State::finish_alias(answer::Reply& reply, answer::Actions& actions) {
    // An alias may lead to an alias: each pass resolves one.
    while (reply.client.listen_socket == answer::alias_socket) {
        const auto found = aliases.find(reply.client.connection);
        if (found == aliases.end()) return;
        const PendingAlias& alias = found->second;
        const bool inner = alias.client.listen_socket == answer::alias_socket;
        wire::MessageBuffer whole;
        Answer answer = local::write_alias_reply(alias.question, {alias.target, alias.ttl}, reply.bytes, reply.reason, whole,
                                                 inner ? wire::message_max : reply_limit(alias.question));
        conclude(answer, alias.question, alias.client, whole, actions);
        reply.bytes.assign(whole.begin(), whole.begin() + answer.size);
        reply.client = alias.client;
        aliases.erase(found);  // last: without memory the client is still known
    }
}

void Resolver::State::give_up_alias(answer::Reply& reply, answer::Actions& actions) {
    counters.memory.count_shed(budget::Kind::forward);
    while (reply.client.listen_socket == answer::alias_socket) {
        const auto found = aliases.find(reply.client.connection);
        if (found == aliases.end()) return;
        const PendingAlias alias = found->second;
        aliases.erase(found);
        reply.client = alias.client;
        if (alias.client.listen_socket == answer::alias_socket) continue;
        wire::MessageBuffer whole;
        Answer answer = fail(alias.question, {Cause::memory}, whole);
        try {
            conclude(answer, alias.question, alias.client, whole, actions);
        } catch (const std::bad_alloc&) {  // of the query log: the reply is sent all the same
        }
        try {
            reply.bytes.assign(whole.begin(), whole.begin() + answer.size);
        } catch (const std::bad_alloc&) {
            reply.client.listen_socket = answer::alias_socket;  // of no alias: it is removed
            reply.client.connection = 0;
            return;
        }
    }
}

Answer Resolver::State::decide(const wire::Question& question, const answer::Client& client, Moment at, std::span<std::uint8_t> buffer,
                               answer::Actions& actions, unsigned depth) {
    const wire::Name* domain = view->catalog->consul_on ? consul_domain(question.lower) : nullptr;
    const OperatorData own = domain && rules_below_consul ? operator_data(question.lower, *domain) : OperatorData::nothing;
    if (domain && own == OperatorData::nothing) return decide_consul(question, *domain, client, at, buffer, actions);
    if (!domain)
        if (auto answer = zone::answer_alias_zone(question, *view, at, buffer, view->rules->edns_packet_max, witness))
            return *std::move(answer);
    // The agent ignores the class, so a reverse name of Consul is Consul's in class CHAOS too.
    if (question.klass == rrclass::chaos && !(view->catalog->consul_on && reverse_domain(question)))
        return answer_chaos(
            question, *view->rules, [&] { return totals(at.now); }, buffer);
    const local::Found local =
        local::answer_local(question, *view->rules, buffer, client.local, own == OperatorData::data ? domain : nullptr, witness);
    if (local.answer) return *local.answer;
    if (local.alias) return decide_alias(question, *local.alias, client, at, buffer, actions, depth);
    if (domain && own == OperatorData::data) return decide_consul(question, *domain, client, at, buffer, actions, true);
    if (view->catalog->consul_on) {
        if (const wire::Name* reverse = reverse_domain(question)) return decide_consul(question, *reverse, client, at, buffer, actions);
    }
    if (question.type == rrtype::axfr || question.type == rrtype::ixfr) answer::note(witness, answer::Rule::zone_transfer, question.lower);
    if (question.type == rrtype::axfr || question.type == rrtype::ixfr) return fail(question, {Cause::zone_transfer}, buffer);
    // Not cached, so that an agent that starts later is seen at once.
    const wire::Name* assumed = catalog::gives_way(*view->catalog) ? consul_domain(question.lower) : nullptr;
    if (assumed) answer::note(witness, answer::Rule::consul_assumed, *assumed);
    return forward.ask(question, client, at, buffer, actions, assumed ? forward::Forward::Caching::off : forward::Forward::Caching::on);
}

Answer Resolver::on_query(wire::Bytes message, const answer::Client& client, Moment at, std::span<std::uint8_t> buffer,
                          answer::Actions& actions) {
    try {
        return process(message, client, at, buffer, actions);
    } catch (const std::bad_alloc&) {
        return state_->without_memory(message, client, buffer, actions);
    }
}

/// SERVFAIL for a query whose decision needed memory that there was not. Parsing and the reply need none.
Answer Resolver::State::without_memory(wire::Bytes message, const answer::Client& client, std::span<std::uint8_t> buffer,
                                       answer::Actions& actions) {
    counters.memory.count_shed(budget::Kind::forward);
    witness = nullptr;
    wire::Question question;
    const wire::QuestionFault fault = wire::read_question(message, question);
    if (fault == wire::QuestionFault::too_short || fault == wire::QuestionFault::response) return {};
    set_transport(question, client);
    question.edns.cookie_size = 0;  // it may not have been checked
    Answer answer = fail(question, {fault == wire::QuestionFault::none ? Cause::memory : Cause::malformed}, buffer);
    try {
        conclude(answer, question, client, buffer, actions);
    } catch (const std::bad_alloc&) {  // of the query log: the reply is sent all the same
    }
    return answer;
}

Answer Resolver::process(wire::Bytes message, const answer::Client& asker, Moment at, std::span<std::uint8_t> buffer,
                         answer::Actions& actions) {
    State& s = *state_;
    s.event_at = s.batch_at = at.now;
    std::optional<answer::Client> numbered;
    if (s.view->rules->log_extra) {
        numbered = asker;
        numbered->serial = ++s.serial;
    }
    const answer::Client& client = numbered ? *numbered : asker;
    (client.connection ? s.counters.queries_tcp : s.counters.queries_udp).add();
    wire::Question question;
    const wire::QuestionFault fault = wire::read_question(message, question);
    s.set_transport(question, client);
    if (fault == wire::QuestionFault::too_short || fault == wire::QuestionFault::response) {
        (fault == wire::QuestionFault::too_short ? s.counters.dropped_short : s.counters.dropped_response).add();
        return {};
    }
    if (s.is_non_local(client)) {
        s.ignore_non_local(client, at.now, actions);
        return {};
    }
    const std::size_t actions_before = actions.size();
    const bool readable = fault == wire::QuestionFault::none || (fault == wire::QuestionFault::badvers && s.answers_as_agent(question));
    if (readable) {
        if (s.is_own_probe(question, actions)) return {};
        count_of(s.counters, question.type).add();
        s.note(question, client, at, actions);
    }
    if (question.edns.cookie_size != 0) s.check_cookie(question, client, at);
    std::optional<Answer> instead;
    if (!question.over_tcp && !question.edns.same_host && !question.edns.cookie_good) [[unlikely]]
        instead = s.answer_forgeable(fault, question, client, at, buffer, actions);
    Answer answer = instead    ? *std::move(instead)
                    : readable ? s.decide(question, client, at, buffer, actions, 0)
                               : s.answer_fault(fault, question, message, at, buffer);
    // `waits` must outlive the answer, whose reason refers to its need.
    const Answer waits = answer.kind == Answer::Kind::waits ? std::exchange(answer, {}) : Answer{};
    if (waits.kind == Answer::Kind::waits) answer = s.hold(question, message, client, waits, at, nullptr, buffer, actions);
    if (answer.answered()) {
        s.conclude(answer, question, client, buffer, actions);
        ++s.at_once[static_cast<std::size_t>(answer.source)];
    }
    if (actions.size() != actions_before) {
        s.finish_aliases(actions, actions_before);
        s.gauges();
    }
    if (!answer.answered()) s.gauges();
    return answer;
}

}  // namespace lictor::core
