// All decisions of one worker: what follows from a query, a reply, a time-out, a new View. It combines the Consul zone, local data,
// leader holds and forwarding. The worker's shell performs the actions. A query that waits is stored in one table and decided again from
// the top when its fact changes; nothing is resumed. Pure; used by one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "conf/base/clock.hpp"
#include "conf/base/random.hpp"
#include "conf/metrics/metrics_fwd.hpp"
#include "resolver/answer/actions.hpp"
#include "resolver/core/chaos.hpp"
#include "resolver/core/explanation.hpp"
#include "resolver/forward/forward.hpp"
#include "resolver/view/view.hpp"

namespace lictor::core {

class Resolver {
public:
    Resolver(metrics::WorkerCounters& counters, Random& random);
    ~Resolver();
    /// Sets the source of the other workers' counters, for the CHAOS names.
    void set_others(std::function<Totals()> others);
    /// Sets the secret of DNS cookies, which all workers share. Without it this worker has one of its own.
    void set_cookie_secret(const Random::Seed& secret);

    /// A message from a client. `answered`: the concluded answer is in `buffer` (65,535 bytes for TCP, at least 512 for UDP). `later`: a
    /// Reply action follows. `drop`: no reply. No allocation if the answer is in memory and queries are not logged.
    answer::Answer on_query(wire::Bytes message, const answer::Client& client, Moment at, std::span<std::uint8_t> buffer,
                            answer::Actions& actions);
    /// Counts the answers of `on_query` since the last call. Each took as long as the last query's batch, which ended at `now`.
    void end_batch(Now now);
    /// See Forward: a message for an attempt, a failed attempt, and a tick at `deadline()` or later.
    void on_reply(answer::AttemptId attempt, wire::Bytes message, Moment at, answer::Actions& actions);
    void on_failure(answer::AttemptId attempt, Moment at, answer::Actions& actions);
    void on_tick(Moment at, answer::Actions& actions);
    /// Takes a new View. Flushes cached answers after a change of leader, and decides the queries again whose facts changed.
    void on_view(std::shared_ptr<const view::View> view, Moment at, answer::Actions& actions);
    /// A TCP connection has closed: its queries are dropped.
    void on_gone(std::uint64_t connection);
    /// Answers all waiting queries with SERVFAIL, before the process ends.
    void on_stop(Moment at, answer::Actions& actions);
    /// Removes cached replies at or below `suffix` (lower case), or all without one. Returns their number. See Forward::flush.
    std::size_t flush(std::optional<wire::Name> suffix, Moment at, answer::Actions& actions);

    /// Frees memory that nothing needs any more. To be called about twice a second.
    void tidy(Now now);

    /// How a query of class IN would be answered now, by the same decision as `on_query`, as for a client on this machine that asks over
    /// UDP with EDNS. It has no effect.
    Explanation explain(const wire::Name& name, std::uint16_t type, Moment at);

    /// The next time at which `on_tick` has something to do; nothing if nothing waits.
    std::optional<Now> deadline() const;
    /// See Forward::upstream_reports.
    std::vector<forward::UpstreamReport> upstream_reports(Now now) const;
    /// See Forward::table.
    std::vector<forward::TableRow> cache_table(Moment at, std::size_t rows_max) const;

private:
    struct State;
    /// `on_query`, which may run out of memory.
    answer::Answer process(wire::Bytes message, const answer::Client& client, Moment at, std::span<std::uint8_t> buffer,
                           answer::Actions& actions);
    std::unique_ptr<State> state_;
};

}  // namespace lictor::core
