// What does not work now, the worst first? The sentences are for people: the page's banner and `lictor stats` show the first one. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "resolver/failover/failovers.hpp"
#include "resolver/forward/forward.hpp"
#include "resolver/lifecycle/readiness.hpp"

namespace lictor::lifecycle {

/// `bad`: queries fail, are held, or get answers that may be out of date. `notice`: all else that an operator has to look at.
enum class FaultLevel : std::uint8_t { notice, bad };
/// `notice` or `bad`.
const char* word(FaultLevel level);

struct Fault {
    FaultLevel level = FaultLevel::notice;
    std::string text;  ///< one line; holds names from Consul unescaped
};

/// Input of `standing_faults`, beside that of `standing_warnings`.
struct FaultFacts {
    std::optional<double> contact_age_seconds;       ///< since Consul's last good reply; nothing: never
    std::vector<forward::UpstreamReport> upstreams;  ///< sums over the workers
    const failover::Failovers* failovers = nullptr;  ///< read for the queries held in a gap; null: none
    bool reload_refused = false;
    bool memory_used_up = false;    ///< something was refused for want of memory-max in the last seconds
    std::size_t stale_watches = 0;  ///< watches whose reads fail, so that their last known data is answered
};

/// Every upstream for all names failed three times or more since its last reply.
bool upstreams_fail(const std::vector<forward::UpstreamReport>& reports, const rules::Rules& rules);

/// The faults, the worst first: those at level `bad` in the order worker, memory, upstreams, Consul, leaders, then those at level `notice`.
/// At most 100. `leader_hold` and `now` as for `standing_warnings`.
std::vector<Fault> standing_faults(const ReadinessFacts& facts, const FaultFacts& more, const catalog::Catalog& catalog,
                                   const rules::Rules& rules, milliseconds leader_hold, Now now);

}  // namespace lictor::lifecycle
