// One worker's whole decision: what happens to a question, a reply, a tick of time, a new View. Composes route, local data, Consul zone,
// leader hold and forwarding. Decided in one place, performed in one place (the worker's shell). Never resumes: a question that waits
// rests in one table and is decided again from the top when a fact arrives. Pure.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "conf/base/clock.hpp"
#include "conf/base/random.hpp"
#include "conf/metrics.hpp"
#include "resolver/core/actions.hpp"
#include "resolver/core/chaos.hpp"
#include "resolver/core/forward.hpp"
#include "resolver/core/leader_book.hpp"
#include "resolver/core/rules.hpp"
#include "watch/catalog.hpp"

namespace lictor {

/// The one object that crosses from the control thread to the workers.
struct View {
    std::uint64_t generation = 0;
    std::shared_ptr<const Catalog> catalog = std::make_shared<Catalog>();
    std::shared_ptr<const Rules> rules = std::make_shared<Rules>();
    std::shared_ptr<const LeaderBook> book = std::make_shared<LeaderBook>();
};

/// What a question came to: `size` bytes of reply in the buffer now, later (an action brings it), or nothing ever.
struct Verdict {
    enum class Kind : std::uint8_t { answer, later, drop } kind = Kind::drop;
    std::size_t size = 0;
};

class Resolver {
public:
    Resolver(WorkerCounters& counters, Random& random);
    ~Resolver();
    /// What the other workers counted, for the CHAOS names.
    void tally_with(std::function<Tally()> others);

    /// A message from a client. No allocation when the answer is in memory.
    Verdict on_query(Bytes message, const Client& client, Moment at, std::span<std::uint8_t> buffer, Actions& actions);
    void on_reply(AttemptId attempt, Bytes message, Moment at, Actions& actions);
    void on_failure(AttemptId attempt, Moment at, Actions& actions);
    void on_tick(Moment at, Actions& actions);
    /// Swaps the View, flushes what moved, decides waiting questions again.
    void on_view(std::shared_ptr<const View> view, Moment at, Actions& actions);
    /// A TCP client has gone.
    void on_gone(std::uint64_t connection);
    /// Answers everything that waits, before the end.
    void on_stop(Moment at, Actions& actions);
    /// `name` empty: everything. Gives the number of cache entries dropped.
    std::size_t flush(std::optional<Name> suffix, Moment at, Actions& actions);

    std::optional<Now> deadline() const;
    const std::shared_ptr<const View>& view() const;
    std::size_t waiting() const;
    std::vector<UpstreamReport> upstream_reports(Now now) const;
    std::vector<TableRow> cache_table(Moment at, std::size_t rows_max) const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace lictor
