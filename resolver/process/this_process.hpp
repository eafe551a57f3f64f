// What does this process read from the kernel, and report about itself? Random bits, memory, open descriptors; the pid-file, readiness.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "conf/base/clock.hpp"
#include "conf/base/random.hpp"

namespace lictor::process {

/// 256 bits from getrandom(2). Blocks until the kernel's generator is seeded; ends the process on another failure.
Random::Seed kernel_seed();
/// Gives the memory back that only the start needed: free pages of the heap, and the pages of code and constants of the program and its
/// libraries. The kernel maps those that are used again from the page cache at the next access, so this costs some page faults. Any thread.
/// Breakpoints of a debugger that were set before are lost, because they are changed copies of such pages.
void release_start_memory();
/// Gives back to the system what the allocator holds free.
void release_freed_memory();
/// The name of this host (gethostname(2)); empty if it cannot be read.
std::string host_name();
/// Memory in bytes (/proc/self/statm, proc(5)); 0 if it cannot be read.
struct Memory {
    std::uint64_t resident_bytes = 0, virtual_bytes = 0;
};
Memory memory();
/// User and system CPU time of all threads, in seconds (CLOCK_PROCESS_CPUTIME_ID).
double cpu_seconds();
/// Number of threads (/proc/self/task); 0 if it cannot be read.
std::size_t count_threads();
/// The soft limit of open files (RLIMIT_NOFILE).
std::uint64_t file_limit();
/// Number of open descriptors, the one that reads /proc/self/fd among them; 0 if that cannot be read.
std::size_t count_descriptors();
/// Writes our process id and a line feed to `path`, mode 0644. As root the old file is unlinked and the new one created with O_EXCL, so
/// that the owner of the directory cannot redirect the write with a symbolic link. Gives errno, 0 on success.
int write_pid_file(const std::string& path);
/// Microseconds of CLOCK_MONOTONIC, as systemd counts them.
std::uint64_t monotonic_microseconds();
/// When does systemd expect a keep-alive message (WATCHDOG_USEC, sd_watchdog_enabled(3))? Reads the environment once. Not thread-safe.
class Watchdog {
public:
    Watchdog();
    /// True four times in each interval of systemd, and never if systemd expects nothing of this process.
    bool due(Now now);

private:
    microseconds every_{0};
    Now next_{};
};
/// Sends `state`, lines such as "READY=1", to systemd: one datagram to the socket that NOTIFY_SOCKET names (sd_notify(3)). Does nothing
/// without NOTIFY_SOCKET in the environment. A failure is logged as a warning. Blocks for a second at most, while the
/// socket's queue is full.
void notify_systemd(const std::string& state);

}  // namespace lictor::process
