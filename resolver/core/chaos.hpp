// The CHAOS names that monitoring queries from dnsmasq (version.bind, cachesize.bind, insertions.bind, evictions.bind, misses.bind,
// hits.bind, auth.bind, servers.bind, authors.bind, copyright.bind): counters as text, for all workers together. Pure.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "conf/metrics/metrics_fwd.hpp"
#include "resolver/answer/answer.hpp"
#include "resolver/forward/forward.hpp"
#include "resolver/rules/rules_fwd.hpp"
#include "resolver/wire/message.hpp"

namespace lictor::core {

/// The counters of all workers, including the one that answers.
struct Totals {
    std::vector<const metrics::WorkerCounters*> counters;
    std::vector<forward::UpstreamReport> upstreams;  ///< one row for each worker and server; the answer has their sums
};

/// `question` is of class CHAOS. The answer to an unknown name or type is NOTIMP, as from dnsmasq.
answer::Answer answer_chaos(const wire::Question& question, const rules::Rules& rules, const std::function<Totals()>& totals,
                            std::span<std::uint8_t> buffer);

/// Answers a message with 2 to 16 such questions, which exporters for dnsmasq send and dnsmasq answered before 2.90. Returns the reply's
/// size in bytes; nothing if the message contains any other question.
std::optional<std::size_t> answer_chaos_together(wire::Bytes message, bool over_tcp, const rules::Rules& rules,
                                                 const std::function<Totals()>& totals, std::span<std::uint8_t> buffer);

}  // namespace lictor::core
