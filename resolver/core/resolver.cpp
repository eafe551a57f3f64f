// Events in, actions out: each question runs through `decide` from the top, the first time and every time a fact that it waited for has
// moved.
#include "resolver/core/resolver.hpp"

#include <algorithm>

#include "conf/range_values.hpp"
#include "resolver/core/chaos.hpp"
#include "resolver/core/query_log.hpp"
#include "resolver/core/resolver_state.hpp"

namespace lictor {
namespace {

constexpr microseconds sample_every = milliseconds(40);

}  // namespace

/// On a network of ours (local-service).
bool Resolver::State::is_neighbour(const Address& client) const {
    const auto& interfaces = view->rules->interfaces;
    return client.is_loopback() || std::any_of(interfaces.begin(), interfaces.end(), [&](const InterfaceAddress& at) {
               return contains(Network{at.address, at.bits}, client);
           });
}

/// With local-service strangers are not answered, whatever they send.
bool Resolver::State::is_foreign(const Client& client) const { return view->rules->local_service && !is_neighbour(client.peer.address); }

/// A stranger's message is counted, and said once.
void Resolver::State::pass_over(const Client& client, Actions& actions) {
    counters.dropped_foreign.add();
    if (!std::exchange(foreign_told, true))
        actions.emplace_back(Notice{Notice::Kind::rebind, "ignoring query from non-local network " + client.peer.address.text() + " (logged only once)"});
}

/// A loop probe of our own that has come back is told, and not answered.
bool Resolver::State::is_own_probe(const Question& question, Actions& actions) {
    const auto& probes = view->rules->loop_probes;
    if (probes.empty() || question.type != rrtype::txt) return false;
    const auto probe = std::find_if(probes.begin(), probes.end(), [&](const auto& row) { return row.first == question.lower; });
    if (probe == probes.end()) return false;
    actions.emplace_back(LoopFound{probe->second});
    return true;
}

/// For the query log, and some for the comparison with another server.
void Resolver::State::note(const Question& question, const Client& client, Moment at, Actions& actions) {
    if (view->rules->sample && at.now >= next_sample) {
        next_sample = at.now + sample_every;
        actions.emplace_back(Sampled{question.lower, question.type});
    }
    if (view->rules->log_queries) log_query(question, client, actions);
}

/// The agent answers any EDNS version as version 0.
bool Resolver::State::takes_any_version(const Question& question) const {
    return view->catalog->settings->strict && (consul_domain(question.lower) || reverse_domain(question));
}

/// RFC 1035 §4.1.1; several CHAOS questions in one message are answered together, as dnsmasq does.
Decided Resolver::State::answer_fault(QuestionFault fault, const Question& question, Bytes message, Moment at, std::span<std::uint8_t> buffer) {
    if (fault == QuestionFault::formerr) {
        const auto size = answer_chaos_together(message, question.over_tcp, *view->rules, [&] { return tally(at.now); }, buffer);
        if (size) return {Decided::Kind::answer, *size, {}, false};
    }
    const unsigned code = fault == QuestionFault::notimp ? rcode::notimp : fault == QuestionFault::badvers ? rcode::badvers : rcode::formerr;
    return fail(question, code, ede::other, buffer);
}

void Resolver::State::count(Bytes reply) {
    switch (reply[3] & 15u) {
        case rcode::noerror: counters.rcode_noerror.add(); break;
        case rcode::nxdomain: counters.rcode_nxdomain.add(); break;
        case rcode::servfail: counters.rcode_servfail.add(); break;
        case rcode::refused: counters.rcode_refused.add(); break;
        case rcode::formerr: counters.rcode_formerr.add(); break;
        default: counters.rcode_other.add(); break;
    }
}

Resolver::Resolver(WorkerCounters& counters, Random& random) : state_(std::make_unique<State>(counters, random)) {}
Resolver::~Resolver() = default;
void Resolver::tally_with(std::function<Tally()> others) { state_->others = std::move(others); }

Verdict Resolver::on_query(Bytes message, const Client& asker, Moment at, std::span<std::uint8_t> buffer, Actions& actions) {
    State& s = *state_;
    std::optional<Client> numbered;
    if (s.view->rules->log_extra) {
        numbered = asker;
        numbered->serial = ++s.serial;
    }
    const Client& client = numbered ? *numbered : asker;
    (client.connection ? s.counters.queries_tcp : s.counters.queries_udp).add();
    Question question;
    const QuestionFault fault = read_question(message, question);
    question.over_tcp = client.connection != 0;
    if (fault == QuestionFault::too_short || fault == QuestionFault::response) {
        (fault == QuestionFault::too_short ? s.counters.dropped_short : s.counters.dropped_response).add();
        return {};
    }
    if (s.is_foreign(client)) {
        s.pass_over(client, actions);
        return {};
    }
    const std::size_t actions_before = actions.size();
    Decided decided;
    if (fault == QuestionFault::none || (fault == QuestionFault::badvers && s.takes_any_version(question))) {
        if (s.is_own_probe(question, actions)) return {};
        s.note(question, client, at, actions);
        decided = s.decide(question, client, at, buffer, actions, 0);
        if (decided.kind == Decided::Kind::wait) decided = s.hold(question, message, client, decided, at, nullptr, buffer, actions);
    } else {
        decided = s.answer_fault(fault, question, message, at, buffer);
    }
    if (actions.size() != actions_before) {
        s.finish_aliases(actions, actions_before);
        s.gauges();
    }
    if (decided.kind != Decided::Kind::answer) {
        s.gauges();
        return {Verdict::Kind::later, 0};
    }
    s.count(Bytes(buffer).first(decided.size));
    return {Verdict::Kind::answer, decided.size};
}

void Resolver::on_reply(AttemptId attempt, Bytes message, Moment at, Actions& actions) {
    const std::size_t before = actions.size();
    state_->forward.on_reply(attempt, message, at, actions);
    state_->finish_aliases(actions, before);
}

void Resolver::on_failure(AttemptId attempt, Moment at, Actions& actions) {
    const std::size_t before = actions.size();
    state_->forward.on_failure(attempt, at, actions);
    state_->finish_aliases(actions, before);
}

void Resolver::on_tick(Moment at, Actions& actions) {
    State& s = *state_;
    const std::size_t before = actions.size();
    s.forward.on_tick(at, actions);
    s.finish_aliases(actions, before);
    for (auto& held : s.waiting.take_due(at.now)) s.end_hold(std::move(held), at, actions);
    s.gauges();
}

void Resolver::on_view(std::shared_ptr<const View> view, Moment at, Actions& actions) {
    State& s = *state_;
    const auto old = std::exchange(s.view, std::move(view));
    const std::size_t before = actions.size();
    if (old->rules != s.view->rules || old->generation == 0) s.forward.adopt(s.view->rules, at.now);

    const Rules& rules = *s.view->rules;
    // Hosts files may be long: they are walked only when they or the domains may have changed, not on each news from Consul.
    if (old->rules != s.view->rules || old->catalog->settings != s.view->catalog->settings || old->generation == 0) {
        s.domains.clear();
        for (const auto& text : s.view->catalog->settings->domains)
            if (const auto name = Name::parse(text)) s.domains.push_back(name->lower());
        const auto below_consul = [&](const auto& table) {
            return std::any_of(table.begin(), table.end(), [&](const auto& row) { return s.consul_domain(row.first) != nullptr; });
        };
        s.rules_below_consul = below_consul(rules.routes) || below_consul(rules.local->names) || below_consul(rules.local->aliases) ||
                               below_consul(rules.local->records) || std::ranges::any_of(rules.local->made, [&](const auto& made) { return s.consul_domain(made.domain) != nullptr; }) ||
                               below_consul(rules.local->wildcards) || below_consul(rules.local->starred) || below_consul(rules.starred_routes);
    }

    // What came from an old leader, through the agent's DNS or under other names, is forgotten, also where it is still in flight.
    bool leader_moved = false;
    for (const auto& [service, entry] : *s.view->catalog->leaders) {
        const auto before_entry = old->catalog->leaders->find(service);
        if (before_entry != old->catalog->leaders->end() && before_entry->second->version != entry->version) leader_moved = true;
        // Where the tags name the leader its entry stays as it is; what is answered does not.
        const auto page = s.view->book->find(service), old_page = old->book->find(service);
        if (page != s.view->book->end() && old_page != old->book->end() && page->second != old_page->second) leader_moved = true;
    }
    if (leader_moved) {
        if (s.agent_asked)
            for (const Name& domain : s.domains) s.counters.cache_flushed.add(s.forward.flush(domain, at, actions));
        for (const Name& name : rules.flush_on_leader_change) s.counters.cache_flushed.add(s.forward.flush(name, at, actions));
    }
    s.finish_aliases(actions, before);

    for (auto& held : s.waiting.take_moved([&](const Need& need) { return s.stamp(need); })) s.again(std::move(held), at, actions);
    s.gauges();
}

void Resolver::on_gone(std::uint64_t connection) {
    state_->waiting.forget(connection);
    state_->forward.forget(connection);
    std::erase_if(state_->aliases, [&](const auto& row) { return row.second.client.connection == connection; });
    state_->gauges();
}

void Resolver::on_stop(Moment, Actions& actions) {
    State& s = *state_;
    const std::size_t before = actions.size();
    s.forward.fail_all(actions);
    s.finish_aliases(actions, before);
    for (const auto& held : s.waiting.take_all()) {
        Question question;
        read_question(held.message, question);
        const Decided decided = s.fail(question, rcode::servfail, ede::not_ready, s.scratch);
        s.reply_later(held.client, Bytes(s.scratch).first(decided.size), actions);
    }
    s.gauges();
}

std::size_t Resolver::flush(std::optional<Name> suffix, Moment at, Actions& actions) {
    const std::size_t before = actions.size();
    const std::size_t dropped = state_->forward.flush(suffix.value_or(Name{}), at, actions);
    state_->counters.cache_flushed.add(dropped);
    state_->finish_aliases(actions, before);
    return dropped;
}

std::optional<Now> Resolver::deadline() const {
    const auto waiting = state_->waiting.deadline();
    const auto forward = state_->forward.deadline();
    if (waiting && forward) return std::min(*waiting, *forward);
    return waiting ? waiting : forward;
}

const std::shared_ptr<const View>& Resolver::view() const { return state_->view; }
std::size_t Resolver::waiting() const { return state_->waiting.size(); }
std::vector<TableRow> Resolver::cache_table(Moment at, std::size_t rows_max) const { return state_->forward.table(at, rows_max); }
std::vector<UpstreamReport> Resolver::upstream_reports(Now now) const { return state_->forward.upstream_reports(now); }

}  // namespace lictor
