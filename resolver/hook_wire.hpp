// What the control thread and the hook runner say to one another: one message is one packet of a SOCK_SEQPACKET pair. A request is the
// environment of a run, strings with a zero behind each; the runner answers with lines of output and with how each program ended.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace lictor {

constexpr std::size_t hook_packet_max = 16 << 10;
constexpr std::size_t hook_line_max = 500;    ///< bytes of one line of output; longer ones are cut
constexpr std::size_t hook_lines_max = 200;   ///< of one run; the rest is counted

enum class HookWord : std::uint8_t {
    line = 'L',   ///< text behind it: a line that the program wrote
    ended = 'E',  ///< HookEnd behind it: one program of the run
    done = 'D',   ///< the run is over
};

/// How one program of a run ended.
struct HookEnd {
    std::uint32_t program = 0;  ///< place in the list of programs
    std::uint32_t took_ms = 0;
    std::int32_t code = 0;      ///< exit code, or the signal's number
    std::uint32_t lines_lost = 0;
    enum class How : std::uint32_t { exited, killed, timed_out, not_started } how = How::exited;
};

/// What the runner is to be, fixed before it starts: nobody can ask it later to run anything else.
struct HookSetup {
    std::vector<std::string> programs;
    unsigned timeout_seconds = 10;
};

/// The runner's whole life, in its own process: serves requests on `socket` until its other end closes, then returns.
void run_hooks(int socket, const HookSetup& setup);

}  // namespace lictor
