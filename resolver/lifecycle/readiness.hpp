// Is lictor ready, and if not, why? Pure; the control thread collects the facts for /ready, /stats and the page.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "conf/base/address.hpp"
#include "conf/base/clock.hpp"
#include "resolver/rules/rules_fwd.hpp"
#include "watch/catalog/catalog.hpp"

namespace lictor::lifecycle {

/// Input of `not_ready_because` and `standing_warnings`.
struct ReadinessFacts {
    bool workers_alive = false;      ///< every worker's heartbeat is recent
    bool consul_on = false;          ///< Consul is configured, or assumed
    bool consul_gives_way = false;   ///< see catalog::gives_way
    bool consul_read = false;        ///< the first reads from Consul are done
    std::string consul_failure{};    ///< why Consul cannot be read; empty = no failure
    bool agent_dns_answers = false;  ///< the agent's DNS has answered lately, while Consul could not be read
    bool has_leader_lines = false;   ///< `leader` lines are configured: their names need Consul's HTTP API
    bool has_upstream = false;       ///< there is an upstream for all names
    bool has_loop = false;           ///< an upstream is left out because it sends queries back to lictor
    bool upstream_answered = false;  ///< such an upstream has answered since the start, or there is none
};

/// The words by which a warning about an upstream that sends queries back to lictor is recognized.
inline constexpr std::string_view loop_words = "sends queries back to lictor";

/// Empty: ready. Else the first cause, in the order worker, Consul, upstream.
std::string not_ready_because(const ReadinessFacts& facts);

/// What a standing warning is about. `faults.hpp` has its own sentences for the first two.
enum class WarningTopic : std::uint8_t {
    contact,         ///< contact with Consul is lost
    leader_without,  ///< a leader without an address
    other,
};
struct StandingWarning {
    WarningTopic topic = WarningTopic::other;
    std::string text;
};

/// What does not work, whether ready or not. First the state of Consul and of the upstreams, a line for each upstream that is left out
/// because of a loop, then a line for each leader without an address, if its keys do not exist or it has had none for longer than
/// `leader_hold`, and for each whose name goes to an upstream by a `server=` line, in the order of their names. At most 100 lines. A line
/// holds names from Consul unescaped.
std::vector<StandingWarning> standing_warnings(const ReadinessFacts& facts, const catalog::Catalog& catalog, const rules::Rules& rules,
                                               milliseconds leader_hold, Now now);

/// The warning for an upstream that is left out because of a loop; it contains `loop_words` and the remedy.
std::string looping_upstream(const Endpoint& upstream);

/// True if readiness waits for the default upstreams: they must be probed until one answers. False without a default upstream (only Consul,
/// or only upstreams for some domains).
bool waits_for_upstream(const rules::Rules& rules);

}  // namespace lictor::lifecycle
