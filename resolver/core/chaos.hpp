// The CHAOS names that monitoring asks a dnsmasq for (version.bind, cachesize.bind, insertions.bind, evictions.bind, misses.bind,
// hits.bind, auth.bind, servers.bind, authors.bind, copyright.bind): counters as text, for all workers together. Pure.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "conf/metrics.hpp"
#include "resolver/core/forward.hpp"
#include "resolver/core/rules.hpp"
#include "resolver/wire/message.hpp"

namespace lictor {

/// What the workers counted; whoever asks is among them.
struct Tally {
    std::vector<const WorkerCounters*> counters;
    std::vector<UpstreamReport> upstreams;   ///< one row for each worker and server; they are summed here
};

/// Size of the reply; nothing when it is no CHAOS question. A name that is not known is NOTIMP, as from dnsmasq.
std::optional<std::size_t> answer_chaos(const Question& question, const Rules& rules, const std::function<Tally()>& tally, std::span<std::uint8_t> buffer);

/// Several of these names in one message, as dnsmasq's exporters asked until dnsmasq 2.90 took it from them: answered together. Nothing
/// when one of the questions is anything else.
std::optional<std::size_t> answer_chaos_together(Bytes message, bool over_tcp, const Rules& rules, const std::function<Tally()>& tally, std::span<std::uint8_t> buffer);

}  // namespace lictor
