// Going to the background as dnsmasq does: the process that was started ends when the one behind it serves, with its exit code when it
// does not come that far. A unit of type `forking` and an init script know by that when, and whether, the start is done.
#pragma once

#include "conf/options.hpp"

namespace lictor {

/// A pid-file is named and neither keep-in-foreground nor no-daemon: this is what scripts written for dnsmasq rely on. Without a
/// pid-file, and under a supervisor that wants to be told (NOTIFY_SOCKET), lictor stays where it is.
bool goes_to_background(const Options& options);

/// Standard input, output and, unless it is kept, error become /dev/null: nobody waits for their end any more.
void let_go_of_terminal(bool keep_stderr);

class BackgroundStart {
public:
    /// Before any thread. In the process that was started this does not return: it waits and ends.
    static BackgroundStart go();
    BackgroundStart() = default;   ///< stays in the foreground
    BackgroundStart(BackgroundStart&& other) noexcept;
    BackgroundStart& operator=(BackgroundStart&&) = delete;
    ~BackgroundStart();

    /// Serving: whoever waits is told, and the terminal is let go of.
    void serving(bool keep_stderr);

private:
    int told_ = -1;
};

}  // namespace lictor
