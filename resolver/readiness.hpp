// Tells systemd, where it asked to be told, that lictor is ready or ending (sd_notify of libsystemd). The library is opened only then:
// a sidecar under another supervisor does not carry it in memory.
#pragma once

namespace lictor {

/// `state`: "READY=1" or "STOPPING=1". Does nothing without NOTIFY_SOCKET in the environment or without the library.
void tell_systemd(const char* state);

}  // namespace lictor
