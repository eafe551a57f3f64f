// Forwarding: cache, questions in flight, choice of upstream, as one pure object per worker (and one on the control thread for host
// names in Consul's data). A question is looked up in the cache, joined to an identical one in flight, or asked; replies, failures and
// time come in as values, what must be done goes out as actions. RFC 5625 (proxies), RFC 5452 (spoofing), RFC 2308 (negatives).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "conf/base/clock.hpp"
#include "conf/base/random.hpp"
#include "conf/metrics.hpp"
#include "resolver/core/actions.hpp"
#include "resolver/core/cache_table.hpp"
#include "resolver/core/rules.hpp"
#include "resolver/wire/message.hpp"

namespace lictor {

/// Health of one upstream as /stats shows it.
struct UpstreamReport {
    Endpoint endpoint;
    std::uint64_t sent = 0, answered = 0, failed = 0, timeouts = 0, refused = 0, nxdomain = 0;
    microseconds rtt{0};          ///< smoothed; 0 = never answered
    bool down = false;
};

class Forward {
public:
    Forward(WorkerCounters& counters, Random& random);
    ~Forward();
    Forward(const Forward&) = delete;
    Forward& operator=(const Forward&) = delete;

    /// New rules (also the first). Entries in flight go on with copies of what they need, for those who wait: their replies are not kept.
    /// The cache stays, shrunk if its bound shrank.
    void adopt(std::shared_ptr<const Rules> rules, Now now);

    struct Outcome {
        enum class Kind : std::uint8_t {
            answered,  ///< `size` bytes of reply stand in the buffer
            pending,   ///< a Reply action comes later, within a bound
        } kind = Kind::pending;
        std::size_t size = 0;
    };
    /// A question that is neither Consul's nor local. Picks the route, cache, flight. On overload it answers SERVFAIL at once.
    /// `buffer` is as long as the reply may be (65535 for TCP; for UDP the core applies the client's EDNS size and edns-packet-max).
    Outcome ask(const Question& question, const Client& client, Moment at, std::span<std::uint8_t> buffer, Actions& actions);
    /// The same towards the agent's DNS port (Rules::agent_dns), past routes and local rules. The agent cuts large answers to the way it was
    /// asked, mostly without TC: what came over TCP is asked over TCP. `exact`: with the very question of the client, and whatever comes is
    /// given back as it is, and not kept.
    Outcome ask_agent(const Question& question, const Client& client, Moment at, std::span<std::uint8_t> buffer, Actions& actions, bool exact = false);
    /// The same to the default upstreams for names that lictor itself needs, past routes' filters such as domain-needed.
    Outcome ask_own(const Question& question, const Client& client, Moment at, std::span<std::uint8_t> buffer, Actions& actions);

    /// A datagram or TCP message for an attempt, from exactly the endpoint asked. Bytes that do not match are counted and ignored.
    void on_reply(AttemptId attempt, Bytes message, Moment at, Actions& actions);
    /// The attempt's socket failed (ICMP refused, TCP reset, no socket left).
    void on_failure(AttemptId attempt, Moment at, Actions& actions);
    /// Time-outs. Call at `deadline()` or later.
    void on_tick(Moment at, Actions& actions);
    std::optional<Now> deadline() const;

    /// Forgets everything at or below `suffix` (lower case); what is in flight for it is asked again for its waiters and the late reply
    /// thrown away. Gives the number of cache entries dropped.
    std::size_t flush(const Name& suffix, Moment at, Actions& actions);
    /// Forgets a TCP client's waiting questions: its connection is gone.
    void forget(std::uint64_t connection);
    /// Answers all waiting clients with SERVFAIL (TERM).
    void fail_all(Actions& actions);

    std::size_t pending() const;
    std::vector<UpstreamReport> upstream_reports(Now now) const;
    /// The cache as rows of dnsmasq's table.
    std::vector<TableRow> table(Moment at, std::size_t rows_max) const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace lictor
