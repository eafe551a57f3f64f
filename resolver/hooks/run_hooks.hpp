// The hook runner, a separate process, and its messages: one packet each on a SOCK_SEQPACKET pair. A request is the environment of a run,
// strings that end with a zero byte. The runner replies with lines of output and with how each program ended.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace lictor::hooks {

constexpr std::size_t hook_packet_max = 16 << 10;  ///< bytes of a request; the runner cuts a longer one
constexpr std::size_t hook_line_max = 500;         ///< bytes of one line of output; longer ones are cut
constexpr std::size_t hook_lines_max = 200;        ///< of one program in a run; the rest is counted

/// First byte of each packet from the runner.
enum class HookMessage : std::uint8_t {
    line = 'L',   ///< followed by a line that the program wrote
    ended = 'E',  ///< followed by a HookEnd: one program has ended
    done = 'D',   ///< the run has ended
};

/// How one program of a run ended. Sent as its bytes: both ends are forks of one binary.
struct HookEnd {
    std::uint32_t program = 0;     ///< index in HookSetup::programs
    std::uint32_t took_ms = 0;     ///< until its output ended as well
    std::int32_t code = 0;         ///< exit code or signal number; with not_started errno of fork(2) or pipe2(2)
    std::uint32_t lines_lost = 0;  ///< beyond hook_lines_max, or sent while lictor did not read
    /// A program that execve(2) refuses has `exited` with 127.
    enum class How : std::uint32_t { exited, killed, timed_out, not_started } how = How::exited;
};

/// Fixed before the runner starts: no request can make it run another program.
struct HookSetup {
    std::vector<std::string> programs;  ///< paths, run one after another, without arguments
    unsigned timeout_seconds = 10;      ///< of one program: then its process group gets TERM, and KILL two seconds later
};

/// The main function of the runner's process: serves requests on `socket` until the other end closes; a program that runs then is ended,
/// and the others of the run are not started. Programs inherit the environment without CONSUL_HTTP_TOKEN and CONSUL_HTTP_AUTH, the working
/// directory is `/`, and standard output and error are read line by line. `socket` stays the caller's.
void run_hooks(int socket, const HookSetup& setup);

}  // namespace lictor::hooks
