// Puts lictor into the background as dnsmasq does: the process that was started ends when its child serves, or with the child's exit code
// if the child ends first. systemd units of type `forking` and init scripts learn from it when, and whether, the start succeeded.
#pragma once

#include <cstdint>

#include "conf/options/options_fwd.hpp"

namespace lictor::process {

/// True with a pid-file and without keep-in-foreground, no-daemon and NOTIFY_SOCKET (in the environment, sd_notify(3)): scripts for dnsmasq
/// set a pid-file and expect it; supervisors do not.
bool goes_to_background(const conf::ProcessOptions& options);

/// Whether standard error is detached as well; `keep` if the log is written to it.
enum class Stderr : std::uint8_t { keep, close };
/// Standard input, output and, with Stderr::close, error become /dev/null, so that the program that started lictor reads their end.
/// Changes nothing if /dev/null cannot be opened.
void detach_from_terminal(Stderr stderr_too);

/// The child's end of a start in the background. If it is destroyed before `serving`, the parent waits for the end of the child.
class BackgroundStart {
public:
    /// Forks and begins a session (setsid(2)); call before any thread. In the parent it does not return: the parent waits for `serving`,
    /// and exits with 0, or for the end of the child, and exits with its exit code, 5 if that is 0 or a signal ended it. If fork(2) or
    /// pipe2(2) fails, lictor stays in the foreground.
    static BackgroundStart go();
    BackgroundStart() = default;  ///< for the foreground
    BackgroundStart(BackgroundStart&& other) noexcept;
    BackgroundStart& operator=(BackgroundStart&&) = delete;
    ~BackgroundStart();

    /// lictor serves: the parent exits with 0, and the terminal is detached. Nothing in the foreground.
    void serving(Stderr stderr_too);

private:
    int parent_ = -1;  ///< pipe to the waiting parent; -1: none
};

}  // namespace lictor::process
