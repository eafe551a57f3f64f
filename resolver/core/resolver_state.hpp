// The private state of Resolver, and its four parts. decide.cpp decides a query with the current View; network_clients.cpp limits
// what may come from a forged address. hold.cpp holds a query until a fact changes and decides it again. resolver.cpp handles all other
// events.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "conf/metrics/metrics.hpp"
#include "resolver/answer/conclude.hpp"
#include "resolver/clients/cookies.hpp"
#include "resolver/clients/response_rate.hpp"
#include "resolver/core/resolver.hpp"
#include "resolver/core/waiting.hpp"
#include "resolver/local/local.hpp"
#include "resolver/rules/rules.hpp"
#include "resolver/wire/stored_reply.hpp"
#include "resolver/zone/zone.hpp"

namespace lictor::core {

using answer::Answer;
using answer::Cause;

/// An alias whose target is being asked upstream.
struct PendingAlias {
    wire::Question question;
    answer::Client client;
    wire::Name target;
    std::uint32_t ttl = 0;
};

struct Resolver::State {
    State(metrics::WorkerCounters& counters_, Random& random_)
        : counters(counters_),
          random(random_),
          forward(counters_, random_),
          waiting(Waiting::bytes_default, random_.next_u64()),
          rate(random_.next_u64()),
          cookies(random_.next_seed()) {}

    metrics::WorkerCounters& counters;
    Random& random;
    forward::Forward forward;
    std::shared_ptr<const view::View> view = std::make_shared<view::View>();
    Waiting waiting;
    std::vector<wire::Name> domains;  ///< of the Consul settings in force
    bool rules_below_consul = false;  ///< some local data or route is at or below a Consul domain
    bool agent_asked = false;         ///< the cache may contain answers of the agent's DNS
    std::unordered_map<std::uint64_t, PendingAlias> aliases;
    std::uint64_t next_alias = 1;
    clients::ResponseRate rate;  ///< of clients in networks over UDP
    clients::ServerCookies cookies;
    std::uint32_t limited = 0;  ///< queries above the rate
    answer::NoticeLimits notices;
    Now next_sample{};
    Now event_at{}, batch_at{};                            ///< of the event that is being handled; of the last query
    std::array<std::uint32_t, answer::sources> at_once{};  ///< answers of this batch, by source
    wire::MessageBuffer scratch;
    std::uint64_t serial = 0;  ///< of the last query; counted with log-queries=extra
    std::function<Totals()> others;
    answer::Witness* witness = nullptr;  ///< not null: the decision is only explained, and has no effect
    Random* zone_random = &random;       ///< of the zone's answers

    // ---- resolver.cpp
    /// After `view` has changed from `old`: takes its rules and Consul domains, and flushes what a leader's change makes wrong.
    void adopt(const view::View& old, Moment at, answer::Actions& actions);

    // ---- decide.cpp
    /// True for loopback addresses and for those in a network of Rules::interfaces.
    bool is_on_link(const Address& client) const;
    /// True if local-service is on and the client is not on-link: it gets no reply, as from dnsmasq.
    bool is_non_local(const answer::Client& client) const;
    /// Counts the message of such a client; a notice is added for the first one only.
    void ignore_non_local(const answer::Client& client, Now now, answer::Actions& actions);
    /// True for a probe of dns-loop-detect that an upstream sent back: LoopFound is added, and no reply is sent.
    bool is_own_probe(const wire::Question& question, answer::Actions& actions);
    /// Logs the query (log-queries), and samples at most one in 40 ms (shadow).
    void note(const wire::Question& question, const answer::Client& client, Moment at, answer::Actions& actions);
    /// Sets the members of a parsed question that depend on how it came.
    void set_transport(wire::Question& question, const answer::Client& client) const;
    /// True for Consul's names in strict mode: as from the agent, any EDNS version is answered as version 0, and failures have no extended
    /// error.
    bool answers_as_agent(const wire::Question& question) const;
    /// The error reply for `formerr`, `notimp` or `badvers`, not concluded; or the answer to several CHAOS questions in one message.
    Answer answer_fault(wire::QuestionFault fault, const wire::Question& question, wire::Bytes message, Moment at,
                        std::span<std::uint8_t> buffer);
    /// The longest Consul domain that the name is in; null if there is none. Valid until the next View.
    const wire::Name* consul_domain(const wire::Name& lower) const;
    /// Consul's primary domain if the name is at or below one of Rules::consul_reverse; else null. Valid until the next View.
    const wire::Name* reverse_domain(const wire::Question& question) const;
    /// What the operator has configured for a name in a Consul domain: data of some type, or upstreams.
    enum class OperatorData : std::uint8_t { nothing, data, route };
    OperatorData operator_data(const wire::Name& lower, const wire::Name& domain) const;
    /// The result of a query, not concluded. `depth`: aliases followed so far.
    Answer decide(const wire::Question& question, const answer::Client& client, Moment at, std::span<std::uint8_t> buffer,
                  answer::Actions& actions, unsigned depth);
    /// The zone's answer, else the agent's. `has_local_data`: the name exists in local data, so NODATA replaces NXDOMAIN.
    Answer decide_consul(const wire::Question& question, const wire::Name& domain, const answer::Client& client, Moment at,
                         std::span<std::uint8_t> buffer, answer::Actions& actions, bool has_local_data = false);
    /// Decides the alias' target and writes the alias' reply; `later` if the target is asked upstream (`finish_aliases` completes it).
    /// SERVFAIL beyond eight aliases.
    Answer decide_alias(const wire::Question& question, const rules::LocalAlias& alias, const answer::Client& client, Moment at,
                        std::span<std::uint8_t> buffer, answer::Actions& actions, unsigned depth);
    /// Asks the agent's DNS; SERVFAIL if it is not configured.
    Answer delegate(const wire::Question& question, const answer::Client& client, Moment at, std::span<std::uint8_t> buffer,
                    answer::Actions& actions);
    /// A failure. For Consul's names in strict mode it has no extended error, as the agent's.
    Answer fail(const wire::Question& question, answer::Reason reason, std::span<std::uint8_t> buffer) const;
    /// answer::conclude with the View in force.
    Answer without_memory(wire::Bytes message, const answer::Client& client, std::span<std::uint8_t> buffer, answer::Actions& actions);
    /// Runs `work` for one held query; without memory only this query is lost.
    template <class Work>
    void tolerate(Work work) {
        try {
            work();
        } catch (const std::bad_alloc&) {
            counters.memory.count_shed(budget::Kind::held);
        }
    }
    void conclude(Answer& answer, const wire::Question& question, const answer::Client& client, std::span<std::uint8_t> buffer,
                  answer::Actions& actions) {
        answer::conclude(answer, {client, question.edns, question.over_tcp}, buffer, {counters, *view->rules, actions, event_at});
    }

    /// Turns replies for targets of aliases, from index `from` on, into the aliases' replies. Removes those whose client has gone. Without
    /// memory the reply is SERVFAIL, or is lost.
    void finish_aliases(answer::Actions& actions, std::size_t from);
    /// Turns one reply for a target of an alias into the alias' reply.
    void finish_alias(answer::Reply& reply, answer::Actions& actions);
    /// The same without memory: SERVFAIL.
    void give_up_alias(answer::Reply& reply, answer::Actions& actions);
    /// See wire::size_limit.
    std::size_t reply_limit(const wire::Question& question) const {
        return wire::size_limit(question.edns, question.over_tcp, view->rules->edns_packet_max);
    }

    // ---- network_clients.cpp
    /// Checks the client's DNS cookie, and puts the one of the reply in its place. False if the client gets none, as on this machine. To be
    /// called if there is one.
    bool replace_cookie(wire::Question& question, const answer::Client& client, Moment at);
    /// The same, and counts.
    void check_cookie(wire::Question& question, const answer::Client& client, Moment at);
    /// Counts a query of a client in a network. True if the client is above rrl-ratelimit; the first one adds a notice.
    bool is_above_rate(const answer::Client& client, Now now, answer::Actions& actions);
    /// For a message over UDP from a network, without a good cookie: nothing if it is decided as any other; else the reply, not concluded,
    /// which is hardly longer than the query, or `drop`.
    std::optional<Answer> answer_forgeable(wire::QuestionFault fault, const wire::Question& question, const answer::Client& client,
                                           Moment at, std::span<std::uint8_t> buffer, answer::Actions& actions);

    // ---- hold.cpp
    /// A number that differs whenever the fact has changed between two Views; 0 if the View does not have it. See Waiting.
    std::uint64_t stamp(const catalog::Need& need) const;
    /// How long a query of kind `waits` is held.
    microseconds hold_bound(const answer::Answer& decided) const;
    /// True if the agent's DNS is asked at the end of a hold.
    bool agent_ends_hold(const wire::Question& question, const catalog::Need& need, bool leader_gap) const;
    /// Holds a query of kind `waits`, or fails it at its deadline or a bound. `before`: its earlier hold; null for a new query.
    Answer hold(const wire::Question& question, wire::Bytes message, const answer::Client& client, const answer::Answer& decided, Moment at,
                const WaitingQuery* before, std::span<std::uint8_t> buffer, answer::Actions& actions);
    /// Reads a held query again, with what depends on its client and with the cookie for the reply. It was counted when it came.
    wire::Question read_held(const WaitingQuery& held, Moment at);
    /// Decides a held query again, from the top, after its fact has changed. It may be held again, with the same deadline.
    void again(WaitingQuery held, Moment at, answer::Actions& actions);
    /// Ends a hold at its deadline: SERVFAIL, or for a service or node that Consul has not delivered, the agent's DNS. Never the agent for
    /// a leader name.
    void end_hold(WaitingQuery held, Moment at, answer::Actions& actions);
    /// Concludes and sends the answer, if its kind is `answered`.
    void reply_later(Answer answer, const wire::Question& question, const answer::Client& client, std::span<std::uint8_t> buffer,
                     answer::Actions& actions);
    /// The reason of SERVFAIL for a query that waits for `need`. Its views refer to `need`.
    answer::Reason reason_of(const catalog::Need& need, bool leader_gap, Now now) const;

    /// A buffer for a reply to a held query; valid until the next call.
    std::span<std::uint8_t> scratch_for(const answer::Client& client) {
        return std::span(scratch).first(client.connection ? wire::message_max : wire::udp_message_max);
    }
    /// The runtime entry of a leader; null if there is none. Owned by the View.
    const view::RuntimeEntry* runtime_of(const catalog::Need& need) const {
        const auto entry = view->runtime->find(need.name);
        return entry == view->runtime->end() ? nullptr : entry->second.get();
    }

    /// Of one alias whose target is being asked.
    static constexpr std::size_t alias_bytes = sizeof(PendingAlias) + 64;
    /// To be called after a change of `waiting`.
    void gauges() {
        counters.waiting.set(waiting.size());
        counters.memory.set(budget::Kind::held, waiting.bytes() + aliases.size() * alias_bytes);
    }
    /// For the CHAOS names: the counters and upstreams of all workers, this one's upstreams at `now`.
    Totals totals(Now now) const {
        Totals all = others ? others() : Totals{};
        all.counters.push_back(&counters);
        for (const auto& report : forward.upstream_reports(now)) all.upstreams.push_back(report);
        return all;
    }
};

}  // namespace lictor::core
