// Owns the parts of a running lictor, connects them, starts, reloads and stops them. It decides nothing about an answer.
#pragma once

#include "resolver/control/configuration.hpp"

namespace lictor::control {

/// Serves until TERM or INT; the calling thread, the only one so far, becomes the control thread. HUP reloads, USR1 logs statistics, USR2
/// opens the log again, as dnsmasq. If a worker hangs at the end, the process exits here with 0. `invocation` must outlive the call. May
/// fork for the background: then the caller's process does not return. Gives the exit code, dnsmasq's where it has one: 0 ended by a
/// signal, 1 configuration, 2 network, 3 file, 5 rights.
int serve(conf::Parsed parsed, const Invocation& invocation);

}  // namespace lictor::control
