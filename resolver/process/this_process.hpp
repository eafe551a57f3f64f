// What does this process read from the kernel, and report about itself? Random bits, memory, open descriptors; the pid-file, readiness.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "conf/base/random.hpp"

namespace lictor::process {

/// 256 bits from getrandom(2). Blocks until the kernel's generator is seeded; ends the process on another failure.
Random::Seed kernel_seed();
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
/// Sends `state`, "READY=1" or "STOPPING=1", to systemd: one datagram to the socket that NOTIFY_SOCKET names (sd_notify(3)). Does nothing
/// without NOTIFY_SOCKET in the environment. A failure is logged as a warning. Blocks for a second at most, while the
/// socket's queue is full.
void notify_systemd(const char* state);

}  // namespace lictor::process
