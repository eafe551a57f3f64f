// The lines of log-queries in dnsmasq's format: `query[TYPE]`, `forwarded`, `reply`, `cached`, and for local data `config` or the hosts
// file's path. lictor adds `consul`, `leader` and `stale` for answers from these sources. Names are escaped by Name::text, so that each log
// entry is one line. Called only if the option is on (log_selected: log-queries-only). If the client has a serial number (`extra`), each
// line begins with `SERIAL ADDRESS/PORT `.
#pragma once

#include <cstdint>

#include "resolver/answer/actions.hpp"
#include "resolver/rules/rules_fwd.hpp"
#include "resolver/wire/message.hpp"

namespace lictor::answer {

struct Context;

/// `query[TYPE] NAME from ADDRESS`.
void log_query(const wire::Question& question, const Client& client, Actions& actions);
/// `forwarded NAME to IP[#port]`.
void log_forwarded(const wire::Name& name, const Endpoint& upstream, const Client& client, Actions& actions);
/// The only line of a query under log-queries-only, if one of its kinds applies: `query[TYPE] NAME from ADDRESS is NOERROR by SOURCE
/// in 12.3 ms: ADDRESS, …` with four values at most, or the cause of a failure. `took`: 0 if it was answered at once. `message`: without
/// OPT.
void log_selected(const Answer& answer, wire::Bytes message, const Client& client, microseconds took, const Context& context);
/// The lines of an answer: `VERB NAME is …` for each answer record (32 at most), or one line with NODATA or NXDOMAIN; `VERB error is
/// SERVFAIL (EDE: …): TEXT` for a failure. The verb of local data is `config`, or the hosts file that the record is from. `message`: a
/// reply that lictor wrote.
void log_answer(const Answer& answer, wire::Bytes message, const Client& client, const rules::Rules& rules, Actions& actions);

}  // namespace lictor::answer
