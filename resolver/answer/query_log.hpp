// The lines of log-queries in dnsmasq's format: `query[TYPE]`, `forwarded`, `reply`, `cached`, and for local data `config` or the hosts
// file's path. lictor adds `consul`, `leader` and `stale` for answers from these sources. Names are escaped by Name::text, so that each log
// entry is one line. Called only if the option is on. If the client has a serial number (`extra`), each line begins with `SERIAL
// ADDRESS/PORT `.
#pragma once

#include <cstdint>

#include "resolver/answer/actions.hpp"
#include "resolver/rules/rules_fwd.hpp"
#include "resolver/wire/message.hpp"

namespace lictor::answer {

/// `query[TYPE] NAME from ADDRESS`.
void log_query(const wire::Question& question, const Client& client, Actions& actions);
/// `forwarded NAME to IP[#port]`.
void log_forwarded(const wire::Name& name, const Endpoint& upstream, const Client& client, Actions& actions);
/// The lines of an answer: `VERB NAME is …` for each answer record (32 at most), or one line with NODATA or NXDOMAIN; `VERB error is
/// SERVFAIL (EDE: …): TEXT` for a failure. The verb of local data is `config`, or the hosts file that the record is from. `message`: a
/// reply that lictor wrote.
void log_answer(const Answer& answer, wire::Bytes message, const Client& client, const rules::Rules& rules, Actions& actions);

}  // namespace lictor::answer
