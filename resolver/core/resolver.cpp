// The composition: what `on_query` reads like a table of contents of. Each question runs through `decide` from the top, the first time
// and every time a fact that it waited for has moved.
#include "resolver/core/resolver.hpp"

#include <algorithm>

#include "conf/range_values.hpp"
#include "resolver/core/alias.hpp"
#include "resolver/core/chaos.hpp"
#include "resolver/core/domain_match.hpp"
#include "resolver/core/local.hpp"
#include "resolver/core/query_log.hpp"
#include "resolver/core/stored_reply.hpp"
#include "resolver/core/waiting.hpp"
#include "resolver/core/zone.hpp"
#include "resolver/wire/type_text.hpp"
#include "watch/replicas.hpp"

namespace lictor {
namespace {

/// How long a question may wait for the first read of a service or node, or for a host name (whose own look-up ends within 3 s): below
/// the 5 s after which glibc asks again.
constexpr microseconds first_read_max = milliseconds(3500);
/// After the first full hold of a gap: clients with few look-up threads must not stand still for the whole outage.
constexpr microseconds later_hold_max = milliseconds(1000);
constexpr std::uint32_t waiting_max = 10'000;
constexpr unsigned alias_depth_max = 8;
constexpr microseconds sample_every = milliseconds(40);
/// Replies for this door are parts of an alias' reply, not for a socket.
constexpr std::uint32_t alias_door = 0xffffffff;
constexpr std::uint64_t alias_bit = std::uint64_t{1} << 63;

struct Decided {
    enum class Kind : std::uint8_t { answer, later, wait } kind = Kind::answer;
    std::size_t size = 0;
    Need need;
    bool leader_gap = false;
};

/// An alias whose target is being asked upstream.
struct PendingAlias {
    Question question;
    Client client;
    Name target;
    std::uint32_t ttl = 0;
};

}  // namespace

struct Resolver::State {
    State(WorkerCounters& counters_, Random& random_) : counters(counters_), random(random_), forward(counters_, random_) {}

    WorkerCounters& counters;
    Random& random;
    Forward forward;
    std::shared_ptr<const View> view = std::make_shared<View>();
    Waiting waiting;
    std::vector<Name> domains;           ///< of the Consul settings in force
    bool rules_below_consul = false;     ///< some local data or route lies at or below a Consul domain
    bool agent_asked = false;            ///< the cache may hold answers of the agent's DNS
    std::unordered_map<std::uint64_t, PendingAlias> aliases;
    std::uint64_t next_alias = 1;
    bool foreign_told = false;
    Now next_sample{};
    MessageBuffer scratch;
    std::uint64_t serial = 0;            ///< of the last question, where log-queries=extra counts them
    std::function<Tally()> others;

    // ---- facts
    bool is_neighbour(const Address& client) const;
    std::uint64_t stamp(const Need& need) const;
    const Name* consul_domain(const Name& lower) const;
    const Name* reverse_domain(const Question& question) const;
    bool overridden(const Name& lower, const Name& domain) const;

    // ---- deciding
    Decided decide(const Question& question, const Client& client, Moment at, std::span<std::uint8_t> buffer, Actions& actions, unsigned depth);
    Decided decide_consul(const Question& question, const Name& domain, const Client& client, Moment at, std::span<std::uint8_t> buffer,
                          Actions& actions);
    Decided decide_alias(const Question& question, const LocalAliasTo& alias, const Client& client, Moment at, std::span<std::uint8_t> buffer,
                         Actions& actions, unsigned depth);
    Decided delegate(const Question& question, const Client& client, Moment at, std::span<std::uint8_t> buffer, Actions& actions);
    Decided fail(const Question& question, unsigned rcode, std::uint16_t extended, std::span<std::uint8_t> buffer);
    Decided from_forward(Forward::Outcome outcome) {
        return {outcome.kind == Forward::Outcome::Kind::answered ? Decided::Kind::answer : Decided::Kind::later, outcome.size, {}, false};
    }

    // ---- waiting
    Decided hold(const Question& question, Bytes message, const Client& client, const Decided& decided, Moment at, Now arrived, Now deadline_before,
                 std::span<std::uint8_t> buffer, Actions& actions);
    void again(WaitingQuestion held, Moment at, Actions& actions);
    void end_hold(WaitingQuestion held, Moment at, Actions& actions);
    void reply_later(const Client& client, Bytes bytes, Actions& actions);

    const LeaderPage* page_of(const Need& need) const {
        const auto page = view->book->find(need.name);
        return page == view->book->end() ? nullptr : page->second.get();
    }

    // ---- bookkeeping
    void finish_aliases(Actions& actions, std::size_t from);
    void count(Bytes reply);
    void gauges() { counters.waiting.set(waiting.size()); }
    /// For the CHAOS names: what all workers counted, this one's upstreams as they stand now.
    Tally tally() const {
        Tally all = others ? others() : Tally{};
        all.counters.push_back(&counters);
        for (auto& report : forward.upstream_reports()) all.upstreams.push_back(std::move(report));
        return all;
    }
    std::size_t reply_limit(const Question& question) const { return size_limit(question.edns, question.over_tcp, view->rules->edns_packet_max); }
    /// For a reply that comes later.
    std::span<std::uint8_t> scratch_for(const Client& client) { return std::span(scratch).first(client.connection ? message_max : udp_message_max); }
};

// ---------------------------------------------------------------------------------------------------------------- facts

std::uint64_t Resolver::State::stamp(const Need& need) const {
    const auto mixed = [](std::uint64_t version, auto state) { return version * 16 + 1 + static_cast<std::uint64_t>(state); };
    const Catalog& catalog = *view->catalog;
    switch (need.kind) {
        case Need::Kind::service:
            if (const auto it = catalog.services->find(service_key(need.name, need.datacenter)); it != catalog.services->end())
                return mixed(it->second->version, it->second->state);
            return 0;
        case Need::Kind::nodes:
            if (const auto it = catalog.nodes->find(need.datacenter); it != catalog.nodes->end()) return mixed(it->second->version, it->second->state);
            return 0;
        case Need::Kind::leader:
            if (const auto it = catalog.leaders->find(need.name); it != catalog.leaders->end()) {
                std::uint64_t own = mixed(it->second->version, it->second->state);
                // A member who comes ends the gap of the names that any member answers.
                if (it->second->replicas) own += it->second->replicas->version * 0x9e3779b97f4a7c15u;
                // While the keys cannot be read the service's tags decide: they end the gap too.
                return it->second->state == LeaderState::unreadable ? own + stamp({Need::Kind::service, need.name, {}}) : own;
            }
            return 0;
        case Need::Kind::host:
            if (const auto it = catalog.hosts->find(need.name); it != catalog.hosts->end()) return mixed(it->second->version, it->second->state);
            return 0;
    }
    return 0;
}

/// On a network of ours (local-service).
bool Resolver::State::is_neighbour(const Address& client) const {
    const auto& interfaces = view->rules->interfaces;
    return client.is_loopback() || std::any_of(interfaces.begin(), interfaces.end(), [&](const InterfaceAddress& at) {
               return contains(Network{at.address, at.bits}, client);
           });
}

const Name* Resolver::State::consul_domain(const Name& lower) const {
    const Name* longest = nullptr;
    for (const Name& domain : domains)
        if (lower.is_below_or_equal(domain) && (!longest || domain.size() > longest->size())) longest = &domain;
    return longest;
}

/// PTR questions go to Consul where a rule says so; Consul answers them in its primary domain.
const Name* Resolver::State::reverse_domain(const Question& question) const {
    if (view->rules->consul_reverse.empty() || domains.empty()) return nullptr;
    if (question.lower.top() != "arpa") return nullptr;
    for (Name at = question.lower;; at = at.parent()) {
        if (view->rules->consul_reverse.contains(at)) return &domains.front();
        if (at.is_root()) return nullptr;
    }
}

/// A rule of the operator's own at or below the Consul domain, for this name, wins (longest match).
bool Resolver::State::overridden(const Name& lower, const Name& domain) const {
    const Rules& rules = *view->rules;
    const LocalData& local = *rules.local;
    if (local.names.contains(lower) || local.aliases.contains(lower)) return true;
    bool found = false;
    for_each_domain(rules, lower, [&](const Name& at, const DomainPlace&) { return found = at.size() >= domain.size(), true; });
    return found;
}

// ------------------------------------------------------------------------------------------------------------- deciding

Decided Resolver::State::fail(const Question& question, unsigned code, std::uint16_t extended, std::span<std::uint8_t> buffer) {
    counters.answers_error.add();
    return {Decided::Kind::answer, write_error(question, code, buffer, extended).size(), {}, false};
}

Decided Resolver::State::delegate(const Question& question, const Client& client, Moment at, std::span<std::uint8_t> buffer, Actions& actions) {
    if (!view->rules->agent_dns) return fail(question, rcode::servfail, ede::network_error, buffer);
    agent_asked = true;
    return from_forward(forward.ask_agent(question, client, at, buffer, actions, view->catalog->settings->strict));
}

Decided Resolver::State::decide_consul(const Question& question, const Name& domain, const Client& client, Moment at,
                                       std::span<std::uint8_t> buffer, Actions& actions) {
    const ZoneContext context{*view->catalog, random, at, view->rules->edns_packet_max, view->book.get()};
    const ZoneVerdict verdict = answer_zone(question, domain, context, buffer);
    if (const auto* answer = std::get_if<ZoneAnswer>(&verdict)) {
        (answer->leader ? counters.answers_leader : counters.answers_consul).add();
        if (answer->stale) counters.answers_stale.add();
        if (answer->truncated) counters.answers_truncated.add();
        if (view->rules->log_queries) log_message(answer->leader ? "leader" : answer->stale ? "stale" : "consul", Bytes(buffer).first(answer->size), client, actions);
        return {Decided::Kind::answer, answer->size, {}, false};
    }
    if (const auto* wait = std::get_if<ZoneWait>(&verdict)) return {Decided::Kind::wait, 0, wait->need, wait->leader_gap};
    return delegate(question, client, at, buffer, actions);
}

Decided Resolver::State::decide_alias(const Question& question, const LocalAliasTo& alias, const Client& client, Moment at,
                                      std::span<std::uint8_t> buffer, Actions& actions, unsigned depth) {
    if (depth >= alias_depth_max) return fail(question, rcode::servfail, ede::other, buffer);
    Question target = question;
    target.name = target.lower = alias.target;
    target.end = header_size + alias.target.size() + 4;
    target.over_tcp = true;  // the target's reply comes whole; the alias' reply is cut to what its client takes
    const std::uint64_t ticket = alias_bit | next_alias++;
    Client inner;
    inner.door = alias_door;
    inner.connection = ticket;
    inner.peer = client.peer;
    inner.serial = client.serial;
    MessageBuffer part;
    const Decided decided = decide(target, inner, at, part, actions, depth + 1);
    if (decided.kind == Decided::Kind::wait) return decided;
    if (decided.kind == Decided::Kind::later) {
        aliases.emplace(ticket, PendingAlias{question, client, alias.target, alias.ttl});
        return decided;
    }
    const std::size_t size = write_alias_reply(question, alias.target, alias.ttl, Bytes(part).first(decided.size), buffer, reply_limit(question),
                                               static_cast<std::uint16_t>(view->rules->edns_packet_max));
    return {Decided::Kind::answer, size, {}, false};
}

Decided Resolver::State::decide(const Question& question, const Client& client, Moment at, std::span<std::uint8_t> buffer, Actions& actions,
                                unsigned depth) {
    if (view->catalog->consul_on) {
        if (const Name* domain = consul_domain(question.lower); domain && !(rules_below_consul && overridden(question.lower, *domain)))
            return decide_consul(question, *domain, client, at, buffer, actions);
    }
    // The agent looks at no class: an address in PTR form that is Consul's stays so.
    if (question.klass == rrclass::chaos && !(view->catalog->consul_on && reverse_domain(question))) {
        const auto size = answer_chaos(question, *view->rules, [this] { return tally(); }, buffer);
        counters.answers_local.add();
        if (view->rules->log_queries) log_message("config", Bytes(buffer).first(*size), client, actions);
        return {Decided::Kind::answer, *size, {}, false};
    }
    if (const auto local = answer_local(question, *view->rules, buffer, client.local)) {
        if (const auto* answer = std::get_if<LocalAnswer>(&*local)) {
            counters.answers_local.add();
            if (view->rules->log_queries) log_local(*view->rules->local, Bytes(buffer).first(answer->size), client, actions);
            return {Decided::Kind::answer, answer->size, {}, false};
        }
        return decide_alias(question, std::get<LocalAliasTo>(*local), client, at, buffer, actions, depth);
    }
    if (view->catalog->consul_on) {
        if (const Name* domain = reverse_domain(question)) return decide_consul(question, *domain, client, at, buffer, actions);
    }
    if (question.type == rrtype::axfr || question.type == rrtype::ixfr) return fail(question, rcode::notimp, ede::other, buffer);
    return from_forward(forward.ask(question, client, at, buffer, actions));
}

// -------------------------------------------------------------------------------------------------------------- waiting

Decided Resolver::State::hold(const Question& question, Bytes message, const Client& client, const Decided& decided, Moment at, Now arrived,
                              Now deadline_before, std::span<std::uint8_t> buffer, Actions& actions) {
    const bool first_time = deadline_before == Now{};
    Now deadline = deadline_before;
    if (first_time) {
        microseconds bound = first_read_max;
        if (decided.leader_gap) {
            bound = view->rules->leader_hold;
            const auto entry = view->catalog->leaders->find(decided.need.name);
            if (entry != view->catalog->leaders->end() && entry->second->gap->spent.load(std::memory_order_relaxed) == entry->second->version)
                bound = std::min<microseconds>(bound, later_hold_max);
        }
        deadline = at.now + bound;
    }
    if (deadline <= at.now) return fail(question, rcode::servfail, ede::not_ready, buffer);
    if (waiting.tell(decided.need, at.now)) actions.emplace_back(Want{decided.need});
    WaitingQuestion held{{message.begin(), message.end()}, client, question.lower, question.header.id, question.type, decided.need,
                         decided.leader_gap, arrived, deadline};
    const auto number_max = decided.leader_gap ? view->rules->leader_hold_max : waiting_max;
    switch (waiting.put(std::move(held), stamp(decided.need), number_max)) {
        case Waiting::Put::full:
            counters.waiting_overflow.add();
            actions.emplace_back(Notice{Notice::Kind::waiting_overflow, "too many questions wait for an answer from Consul: SERVFAIL"});
            return fail(question, rcode::servfail, ede::not_ready, buffer);
        case Waiting::Put::held:
            if (!first_time || !decided.leader_gap) break;
            counters.held.add();
            if (const auto* page = page_of(decided.need)) page->gap_on().held.fetch_add(1, std::memory_order_relaxed);
            break;
        case Waiting::Put::joined:
            break;
    }
    return {Decided::Kind::later, 0, {}, false};
}

void Resolver::State::reply_later(const Client& client, Bytes bytes, Actions& actions) {
    count(bytes);
    actions.emplace_back(Reply{client, {bytes.begin(), bytes.end()}});
}

/// A waiting question whose fact moved, from the top.
void Resolver::State::again(WaitingQuestion held, Moment at, Actions& actions) {
    Question question;
    read_question(held.message, question);
    question.over_tcp = held.client.connection != 0;
    const auto buffer = scratch_for(held.client);
    Decided decided = decide(question, held.client, at, buffer, actions, 0);
    if (decided.kind == Decided::Kind::wait) decided = hold(question, held.message, held.client, decided, at, held.arrived, held.deadline, buffer, actions);
    else if (held.leader_gap) {
        counters.held_released.add();
        if (const auto* page = page_of(held.need)) page->gap->released(at.now - held.arrived);
    }
    if (decided.kind == Decided::Kind::answer) reply_later(held.client, Bytes(buffer).first(decided.size), actions);
}

/// A waiting question whose time is over: the agent's DNS may still know it (never for a leader name), else SERVFAIL, never silence.
void Resolver::State::end_hold(WaitingQuestion held, Moment at, Actions& actions) {
    Question question;
    read_question(held.message, question);
    question.over_tcp = held.client.connection != 0;
    const auto buffer = scratch_for(held.client);
    Decided decided;
    if (held.leader_gap) {
        counters.held_expired.add();
        if (const auto* page = page_of(held.need)) {
            page->gap_on().expired.fetch_add(1, std::memory_order_relaxed);
            page->gap_on().released(at.now - held.arrived);
        }
        const auto entry = view->catalog->leaders->find(held.need.name);
        if (held.deadline - held.arrived >= view->rules->leader_hold && entry != view->catalog->leaders->end())
            entry->second->gap->spent.store(entry->second->version, std::memory_order_relaxed);
    }
    // The agent knows nothing of an alias outside its domains.
    const Name* domain = consul_domain(question.lower);
    const bool agents = domain ? !is_leader_name(question, *domain, *view->catalog) : reverse_domain(question) != nullptr;
    const bool agent_may_know = agents && (held.need.kind == Need::Kind::service || held.need.kind == Need::Kind::nodes);
    if (agent_may_know && !held.leader_gap && view->rules->agent_dns) decided = delegate(question, held.client, at, buffer, actions);
    else decided = fail(question, rcode::servfail, ede::not_ready, buffer);
    if (decided.kind == Decided::Kind::answer && view->rules->log_queries)
        log_message(held.leader_gap ? "leader" : "consul", Bytes(buffer).first(decided.size), held.client, actions);
    if (decided.kind == Decided::Kind::answer) reply_later(held.client, Bytes(buffer).first(decided.size), actions);
}

// ---------------------------------------------------------------------------------------------------------- bookkeeping

/// Replies for the target of an alias become the alias' replies.
void Resolver::State::finish_aliases(Actions& actions, std::size_t from) {
    for (std::size_t i = from; i < actions.size(); ++i) {
        auto* reply = std::get_if<Reply>(&actions[i]);
        if (!reply) continue;
        // An alias may lead to an alias: each turn of this loop peels one off.
        while (reply->client.door == alias_door) {
            const auto found = aliases.find(reply->client.connection);
            if (found == aliases.end()) break;
            const PendingAlias alias = std::move(found->second);
            aliases.erase(found);
            const bool inner = alias.client.door == alias_door;
            MessageBuffer whole;
            const std::size_t size = write_alias_reply(alias.question, alias.target, alias.ttl, reply->bytes, whole,
                                                       inner ? message_max : reply_limit(alias.question),
                                                       static_cast<std::uint16_t>(view->rules->edns_packet_max));
            reply->client = alias.client;
            reply->bytes.assign(whole.begin(), whole.begin() + size);
        }
        count(reply->bytes);
    }
    std::erase_if(actions, [](const CoreAction& action) {
        const auto* reply = std::get_if<Reply>(&action);
        return reply && reply->client.door == alias_door;
    });
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

// --------------------------------------------------------------------------------------------------------------- events

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
    const std::size_t actions_before = actions.size();
    Decided decided;
    switch (fault) {
        case QuestionFault::too_short: s.counters.dropped_short.add(); return {};
        case QuestionFault::response: s.counters.dropped_response.add(); return {};
        case QuestionFault::formerr:
            if (const auto size = s.view->rules->local_service && !s.is_neighbour(client.peer.address) ? std::nullopt : answer_chaos_together(message, question.over_tcp, *s.view->rules, [&s] { return s.tally(); }, buffer)) {
                decided = {Decided::Kind::answer, *size, {}, false};
                break;
            }
            decided = s.fail(question, rcode::formerr, ede::other, buffer); break;
        case QuestionFault::notimp: decided = s.fail(question, rcode::notimp, ede::other, buffer); break;
        case QuestionFault::badvers:
            if (!s.view->catalog->settings->strict || !(s.consul_domain(question.lower) || s.reverse_domain(question))) {
                decided = s.fail(question, rcode::badvers, ede::other, buffer);
                break;
            }
            [[fallthrough]];  // the agent answers any EDNS version as version 0
        case QuestionFault::none:
            if (s.view->rules->local_service && !s.is_neighbour(client.peer.address)) {
                s.counters.dropped_foreign.add();
                if (!std::exchange(s.foreign_told, true))
                    actions.emplace_back(Notice{Notice::Kind::rebind, "ignoring query from non-local network " + client.peer.address.text() + " (logged only once)"});
                return {};
            }
            if (!s.view->rules->loop_probes.empty() && question.type == rrtype::txt) {
                const auto& probes = s.view->rules->loop_probes;
                const auto probe = std::find_if(probes.begin(), probes.end(), [&](const auto& row) { return row.first == question.lower; });
                if (probe != probes.end()) {
                    actions.emplace_back(LoopFound{probe->second});
                    return {};
                }
            }
            if (s.view->rules->sample && at.now >= s.next_sample) {
                s.next_sample = at.now + sample_every;
                actions.emplace_back(Sampled{question.lower, question.type});
            }
            if (s.view->rules->log_queries)
                log_query(question, client, actions);
            decided = s.decide(question, client, at, buffer, actions, 0);
            if (decided.kind == Decided::Kind::wait) decided = s.hold(question, message, client, decided, at, at.now, {}, buffer, actions);
            break;
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
std::vector<UpstreamReport> Resolver::upstream_reports() const { return state_->forward.upstream_reports(); }

}  // namespace lictor
