// The lines of log-queries, in the words of dnsmasq that log readers know: `query[TYPE]`, `forwarded`, `reply`, `cached`, `config` and
// `/etc/hosts` for local data, and `consul`, `stale`, `leader` where the answer came from there. Names are escaped by Name::text, so
// that a line is one line whatever a name holds. Only called when the option is on. With a serial number in the client (`extra`) each
// line begins `SERIAL ADDRESS/PORT `.
#pragma once

#include <string_view>

#include "resolver/core/actions.hpp"
#include "resolver/wire/message.hpp"

namespace lictor {

/// `query[TYPE] NAME from ADDRESS`.
void log_query(const Question& question, const Client& client, Actions& actions);
/// `forwarded NAME to IP[#port]`.
void log_forwarded(const Name& name, const Endpoint& upstream, const Client& client, Actions& actions);
/// `VERB NAME is …` for each answer record, or one line saying that there is none. `message`: a reply without OPT, as this code wrote it.
void log_message(std::string_view verb, Bytes message, const Client& client, Actions& actions);

}  // namespace lictor
