// The last step of every answer: counts it, logs it for log-queries, and appends the OPT record with the extended error of its cause (RFC
// 8914). It allocates no memory unless queries are logged. Pure.
#pragma once

#include <span>
#include <string>

#include "conf/metrics/metrics_fwd.hpp"
#include "resolver/answer/actions.hpp"
#include "resolver/answer/answer.hpp"
#include "resolver/rules/rules_fwd.hpp"

namespace lictor::answer {

/// The counters and actions that `conclude` adds to, and the Rules in force.
struct Context {
    metrics::WorkerCounters& counters;
    const rules::Rules& rules;
    Actions& actions;
    Now now{};  ///< for the duration of answers that come later
};

/// The client of an answer, and how it asked.
struct To {
    const Client& client;
    const wire::Edns& edns;
    bool over_tcp = false;
    bool logged = true;  ///< false: this reply is already logged for another client
};

/// The histogram of the durations of answers from this source.
metrics::Histogram& response_of(metrics::WorkerCounters& counters, Source source);

/// Finishes an answer of kind `answered`, whose message is in `buffer`; its size then includes OPT. A part of an alias' reply (client of
/// `alias_socket`) is only logged and counted by source and cause: the alias' reply gets OPT and is counted by response code. The duration
/// is counted for a query that was answered later (Client::arrived).
void conclude(Answer& answer, const To& to, std::span<std::uint8_t> buffer, const Context& context);

/// All 12 bits of the response code, of which `message` holds only the lower four (RFC 6891 §6.1.3).
unsigned rcode_of(const Reason& reason, wire::Bytes message);
/// The extended error of a reason; nothing without a cause. `rcode`: the answer's response code.
std::optional<std::uint16_t> extended_error_of(const Reason& reason, unsigned rcode);
/// Bytes to reserve for OPT in a reply with this reason; 0 if the client sent no OPT. EXTRA-TEXT is not included: it is left out if it does
/// not fit.
std::size_t opt_room(const wire::Edns& edns, const Reason& reason);
/// The cause's text with its values; empty without a cause. At most 200 bytes.
std::string text_of(const Reason& reason);

}  // namespace lictor::answer
