// What does a question come to, with the facts as they stand? Consul's zone, what is stated here, aliases, the agent's DNS, upstreams: the
// first that has a say has it. Decides from the top each time and remembers nothing but the aliases whose targets are being asked.
#include "resolver/core/alias.hpp"
#include "resolver/core/domain_match.hpp"
#include "resolver/core/query_log.hpp"
#include "resolver/core/resolver_state.hpp"

namespace lictor {
namespace {

constexpr unsigned alias_depth_max = 8;
constexpr std::uint64_t alias_bit = std::uint64_t{1} << 63;

}  // namespace

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

/// Rules of the operator's own at or below the Consul domain go first, for what they say; his upstreams there for all else, or Consul.
Resolver::State::OwnWord Resolver::State::own_word(const Name& lower, const Name& domain) const {
    const Rules& rules = *view->rules;
    OwnWord word = is_stated(*rules.local, lower, domain) ? OwnWord::data : OwnWord::nothing;
    for_each_domain(rules, lower, [&](const Name& at, const DomainPlace& place) {
        if (at.size() < domain.size()) return true;
        word = place.route ? OwnWord::route : OwnWord::data;
        return word == OwnWord::route;
    });
    return word;
}

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
                                       std::span<std::uint8_t> buffer, Actions& actions, bool stated) {
    const ZoneContext context{*view->catalog, random, at, view->rules->edns_packet_max, view->book.get(), stated};
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

Decided Resolver::State::decide(const Question& question, const Client& client, Moment at, std::span<std::uint8_t> buffer, Actions& actions,
                                unsigned depth) {
    const Name* domain = view->catalog->consul_on ? consul_domain(question.lower) : nullptr;
    const OwnWord own = domain && rules_below_consul ? own_word(question.lower, *domain) : OwnWord::nothing;
    if (domain && own == OwnWord::nothing) return decide_consul(question, *domain, client, at, buffer, actions);
    // The agent looks at no class: an address in PTR form that is Consul's stays so.
    if (question.klass == rrclass::chaos && !(view->catalog->consul_on && reverse_domain(question))) {
        const auto size = answer_chaos(question, *view->rules, [&] { return tally(at.now); }, buffer);
        counters.answers_local.add();
        if (view->rules->log_queries) log_message("config", Bytes(buffer).first(*size), client, actions);
        return {Decided::Kind::answer, *size, {}, false};
    }
    if (const auto local = answer_local(question, *view->rules, buffer, client.local, own == OwnWord::data ? domain : nullptr)) {
        if (const auto* answer = std::get_if<LocalAnswer>(&*local)) {
            counters.answers_local.add();
            if (view->rules->log_queries) log_local(*view->rules->local, Bytes(buffer).first(answer->size), client, actions);
            return {Decided::Kind::answer, answer->size, {}, false};
        }
        return decide_alias(question, std::get<LocalAliasTo>(*local), client, at, buffer, actions, depth);
    }
    if (domain && own == OwnWord::data) return decide_consul(question, *domain, client, at, buffer, actions, true);
    if (view->catalog->consul_on) {
        if (const Name* reverse = reverse_domain(question)) return decide_consul(question, *reverse, client, at, buffer, actions);
    }
    if (question.type == rrtype::axfr || question.type == rrtype::ixfr) return fail(question, rcode::notimp, ede::other, buffer);
    return from_forward(forward.ask(question, client, at, buffer, actions));
}

}  // namespace lictor
