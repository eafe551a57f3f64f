// The inside of Resolver: what one worker holds, and its three parts. resolver.cpp takes events and sends replies; decide.cpp says what a
// question comes to with the facts as they stand; hold.cpp lets it wait for a fact, and decides it again.
#pragma once

#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "resolver/core/local.hpp"
#include "resolver/core/resolver.hpp"
#include "resolver/core/stored_reply.hpp"
#include "resolver/core/waiting.hpp"
#include "resolver/core/zone.hpp"

namespace lictor {

/// Replies for this door are parts of an alias' reply, not for a socket.
inline constexpr std::uint32_t alias_door = 0xffffffff;

/// What a question came to.
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

    // ---- decide.cpp
    const Name* consul_domain(const Name& lower) const;
    const Name* reverse_domain(const Question& question) const;
    /// What the operator says himself about a name in a Consul domain: data of some type, or upstreams for it.
    enum class OwnWord : std::uint8_t { nothing, data, route };
    OwnWord own_word(const Name& lower, const Name& domain) const;
    Decided decide(const Question& question, const Client& client, Moment at, std::span<std::uint8_t> buffer, Actions& actions, unsigned depth);
    Decided decide_consul(const Question& question, const Name& domain, const Client& client, Moment at, std::span<std::uint8_t> buffer,
                          Actions& actions, bool stated = false);
    Decided decide_alias(const Question& question, const LocalAliasTo& alias, const Client& client, Moment at, std::span<std::uint8_t> buffer,
                         Actions& actions, unsigned depth);
    Decided delegate(const Question& question, const Client& client, Moment at, std::span<std::uint8_t> buffer, Actions& actions);
    Decided fail(const Question& question, unsigned rcode, std::uint16_t extended, std::span<std::uint8_t> buffer);
    Decided from_forward(Forward::Outcome outcome) {
        return {outcome.kind == Forward::Outcome::Kind::answered ? Decided::Kind::answer : Decided::Kind::later, outcome.size, {}, false};
    }

    void finish_aliases(Actions& actions, std::size_t from);
    std::size_t reply_limit(const Question& question) const { return size_limit(question.edns, question.over_tcp, view->rules->edns_packet_max); }

    // ---- hold.cpp
    std::uint64_t stamp(const Need& need) const;
    /// `before`: how it has waited so far; null for a new question.
    Decided hold(const Question& question, Bytes message, const Client& client, const Decided& decided, Moment at, const WaitingQuestion* before,
                 std::span<std::uint8_t> buffer, Actions& actions);
    void again(WaitingQuestion held, Moment at, Actions& actions);
    void end_hold(WaitingQuestion held, Moment at, Actions& actions);
    void reply_later(const Client& client, Bytes bytes, Actions& actions);

    /// For a reply that comes later.
    std::span<std::uint8_t> scratch_for(const Client& client) { return std::span(scratch).first(client.connection ? message_max : udp_message_max); }
    const LeaderPage* page_of(const Need& need) const {
        const auto page = view->book->find(need.name);
        return page == view->book->end() ? nullptr : page->second.get();
    }

    // ---- resolver.cpp
    bool is_neighbour(const Address& client) const;
    bool is_foreign(const Client& client) const;
    void pass_over(const Client& client, Actions& actions);
    bool is_own_probe(const Question& question, Actions& actions);
    void note(const Question& question, const Client& client, Moment at, Actions& actions);
    bool takes_any_version(const Question& question) const;
    Decided answer_fault(QuestionFault fault, const Question& question, Bytes message, Moment at, std::span<std::uint8_t> buffer);
    void count(Bytes reply);
    void gauges() { counters.waiting.set(waiting.size()); }
    /// For the CHAOS names: what all workers counted, this one's upstreams as they stand now.
    Tally tally(Now now) const {
        Tally all = others ? others() : Tally{};
        all.counters.push_back(&counters);
        for (auto& report : forward.upstream_reports(now)) all.upstreams.push_back(std::move(report));
        return all;
    }
};

}  // namespace lictor
