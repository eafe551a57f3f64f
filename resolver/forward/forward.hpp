// Forwarding: cache, queries in flight, choice of upstream. One pure object per worker, and one on the control thread for host names in
// Consul's data. A query is answered from the cache, joined to an identical one in flight, or sent to an upstream. Replies, failures and
// times are arguments; results are actions. RFC 5625 (proxies), RFC 5452 (spoofing), RFC 2308 (negatives).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "conf/base/clock.hpp"
#include "conf/base/random.hpp"
#include "conf/metrics/histogram.hpp"
#include "conf/metrics/metrics_fwd.hpp"
#include "resolver/answer/actions.hpp"
#include "resolver/answer/witness.hpp"
#include "resolver/forward/cache_table.hpp"
#include "resolver/rules/rules_fwd.hpp"
#include "resolver/wire/message.hpp"

namespace lictor::forward {

/// Counts since the start and health of one upstream, for /stats.
struct UpstreamReport {
    Endpoint endpoint;
    std::uint64_t sent = 0, answered = 0, failed = 0, timeouts = 0, refused = 0, nxdomain = 0;
    microseconds rtt{0};                ///< smoothed; 0 = never answered
    metrics::Durations responses = {};  ///< of genuine replies
    bool down = false;                  ///< not queried for a time after failures
    bool failing = false;               ///< at least three failures since its last reply
    Now last_reply{0}, last_fault{0};   ///< 0 = never
};

/// Adds a worker's report to the sums, which have one row for each upstream. An upstream that fails in one worker and has replied to
/// another one since then is not failing.
void add_report(std::vector<UpstreamReport>& sums, const UpstreamReport& report);

class Forward {
public:
    Forward(metrics::WorkerCounters& counters, Random& random);
    ~Forward();
    Forward(const Forward&) = delete;
    Forward& operator=(const Forward&) = delete;

    /// Takes new rules (also the first). Queries in flight are still answered, but their replies are not cached. The cache keeps its
    /// replies within the new bounds; its failures are removed.
    void adopt(std::shared_ptr<const rules::Rules> rules, Now now);

    /// Decides a query that is neither Consul's nor local: by the name's route, from the cache or an upstream. SERVFAIL at once on
    /// overload. A returned answer is not concluded; Reply actions are. `buffer`: for the answer; 65,535 bytes for TCP, at least 512 for
    /// UDP, where the client's EDNS size and edns-packet-max apply.
    /// Without caching the cache is neither read nor written.
    enum class Caching : std::uint8_t { on, off };
    answer::Answer ask(const wire::Question& question, const answer::Client& client, Moment at, std::span<std::uint8_t> buffer,
                       answer::Actions& actions, Caching caching = Caching::on);
    /// The same with the agent's DNS port (Rules::agent_dns), whatever the routes are. The agent truncates answers to the transport, mostly
    /// without TC, so a query that came over TCP is asked over TCP. `exact` (strict mode): sends the client's own query, and returns the
    /// reply unchanged and uncached.
    answer::Answer ask_agent(const wire::Question& question, const answer::Client& client, Moment at, std::span<std::uint8_t> buffer,
                             answer::Actions& actions, bool exact = false);
    /// The same for host names in Consul's data. Uses the default upstreams if the name has no route or a `local=` route.
    answer::Answer ask_own(const wire::Question& question, const answer::Client& client, Moment at, std::span<std::uint8_t> buffer,
                           answer::Actions& actions);

    /// Until the next call: decisions are only explained. `ask` and `ask_agent` note what they look at and have no effect; a query that
    /// would be forwarded is `later`. Null: decisions have effects again.
    void explain_to(answer::Witness* witness);

    /// A datagram or TCP message for an attempt; the shell has checked that it is from the upstream's endpoint. Messages that do not match
    /// the query are counted and ignored.
    void on_reply(answer::AttemptId attempt, wire::Bytes message, Moment at, answer::Actions& actions);
    /// The attempt's socket failed (ICMP error, TCP reset, no descriptor left).
    void on_failure(answer::AttemptId attempt, Moment at, answer::Actions& actions);
    /// Time-outs. Call at `deadline()` or later. If very many are due, some are left, and `deadline()` is still past.
    void on_tick(Moment at, answer::Actions& actions);
    /// The next time at which `on_tick` has something to do; nothing if no query is in flight.
    std::optional<Now> deadline() const;

    /// Removes all cached replies at or below `suffix` (lower case) and returns their number. Queries in flight for such names are asked
    /// again, and replies to the earlier attempts are ignored.
    std::size_t flush(const wire::Name& suffix, Moment at, answer::Actions& actions);
    /// Frees memory that nothing needs any more: expired failures, tables that have grown. To be called about twice a second.
    void tidy(Now now);
    /// Removes a TCP client's waiting queries after its connection has closed.
    void drop_connection(std::uint64_t connection);
    /// Answers all waiting clients with SERVFAIL (TERM).
    void fail_all(answer::Actions& actions);

    /// One report for each of Rules::upstreams, in that order, with this worker's counts. They start at 0 for an upstream that is new in
    /// the rules.
    std::vector<UpstreamReport> upstream_reports(Now now) const;
    /// The cache as rows of dnsmasq's table, at most `rows_max`.
    std::vector<TableRow> table(Moment at, std::size_t rows_max) const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace lictor::forward
