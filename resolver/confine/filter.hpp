// Which bytes tell the kernel a list of system calls? The program of a seccomp filter (classic BPF), made from a CallList.
#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <vector>

#include "resolver/confine/system_calls.hpp"

namespace lictor::confine {

/// What a refused call does: it fails with ENOSYS, with EPERM if only its arguments are refused; or it ends the process with SIGSYS.
enum class Refusal : std::uint8_t { fails, kills };

/// The program for prctl(2) and seccomp(2). Calls of other architectures, and those of the x32 ABI, are refused. At most 4096 instructions,
/// the kernel's limit; a list that needs more, or 250 for one call, ends the process (`ensure`).
std::vector<sock_filter> make_filter(const CallList& list, Refusal refusal, std::uint32_t architecture);

}  // namespace lictor::confine
