// The lines of log-queries, in the words of dnsmasq that log readers know: `query[TYPE]`, `forwarded`, `reply`, `cached`, `config` or
// the hosts file's path for local data, and `consul`, `stale`, `leader` where the answer came from there. Names are escaped by Name::text, so
// that a line is one line whatever a name holds. Only called when the option is on. With a serial number in the client (`extra`) each
// line begins `SERIAL ADDRESS/PORT `.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "resolver/core/actions.hpp"
#include "resolver/core/rules.hpp"
#include "resolver/wire/message.hpp"

namespace lictor {

/// `query[TYPE] NAME from ADDRESS`.
void log_query(const Question& question, const Client& client, Actions& actions);
/// `forwarded NAME to IP[#port]`.
void log_forwarded(const Name& name, const Endpoint& upstream, const Client& client, Actions& actions);
/// `VERB NAME is …` for each answer record, or one line saying that there is none. `message`: a reply as this code wrote it;
/// `extended_error`: the one that goes to the client with a failure.
void log_message(std::string_view verb, Bytes message, const Client& client, Actions& actions, std::optional<std::uint16_t> extended_error = {});
/// The same for local data: the verb is `config`, or the hosts file that the record stands in.
void log_local(const LocalData& local, Bytes message, const Client& client, Actions& actions);
/// `VERB error is SERVFAIL (EDE: …)` for a failure of our own.
void log_failure(std::string_view verb, unsigned code, const Client& client, Actions& actions, std::optional<std::uint16_t> extended_error);

}  // namespace lictor
