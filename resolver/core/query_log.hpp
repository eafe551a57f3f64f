// The lines of log-queries, in the words of dnsmasq that log readers know: `forwarded`, `reply`, `cached`, and `consul`, `stale`,
// `leader`, `local` where the answer came from there. Names are escaped by Name::text, so that a line is one line whatever a name holds.
// Only called when the option is on.
#pragma once

#include <string_view>

#include "resolver/core/actions.hpp"
#include "resolver/wire/message.hpp"

namespace lictor {

/// `forwarded NAME to IP[#port]`.
void log_forwarded(const Name& name, const Endpoint& upstream, Actions& actions);
/// `VERB NAME is …` for each answer record, or one line saying that there is none. `message`: a reply without OPT, as this code wrote it.
void log_message(std::string_view verb, Bytes message, Actions& actions);

}  // namespace lictor
