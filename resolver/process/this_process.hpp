// What does this process read from the kernel, and report about itself? Random bits, memory, open descriptors; the pid-file, readiness.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "conf/base/random.hpp"

namespace lictor::process {

/// 256 bits from getrandom(2). Blocks until the kernel's generator is seeded; ends the process on another failure.
Random::Seed kernel_seed();
/// Resident set size in bytes (/proc/self/statm, proc(5)); 0 if it cannot be read.
std::uint64_t resident_bytes();
/// Gives the memory back that only the start needed: free pages of the heap, and the pages of code and constants of the program and its
/// libraries. The kernel maps those that are used again from the page cache at the next access, so this costs some page faults. Any thread.
/// Breakpoints of a debugger that were set before are lost, because they are changed copies of such pages.
void release_start_memory();
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
