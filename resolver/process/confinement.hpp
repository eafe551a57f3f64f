// Gives up what lictor does not need after its start: reading of its memory by others, writing of other files, other system calls.
// resolver/confine has the lists. Nothing of it can be undone.
#pragma once

#include <string>
#include <vector>

#include "conf/base/result.hpp"
#include "conf/options/process.hpp"
#include "resolver/confine/filter.hpp"
#include "resolver/confine/writable.hpp"

namespace lictor::process {

/// False: the kernel writes no core file of this process, and only root can trace it and read its memory (PR_SET_DUMPABLE). After each
/// change of the user, which resets it. Programs that it starts are not concerned.
void allow_core_files(bool allowed);
/// Overwrites the values of CONSUL_HTTP_TOKEN and CONSUL_HTTP_AUTH in this process's environment, so that /proc/PID/environ shows none.
/// Later getenv(3) gives empty texts for them. Before any thread.
void wipe_secrets_of_environment();
/// Leaves only the places writable, for this thread and those that it starts later, and forbids to run programs (landlock(7)). A folder is
/// writable with all that is below it. For a path whose folder is not there, the nearest folder above it is, but never `/`. Sets
/// no-new-privileges. The result: a warning for each such path. The error is a clause with the reason and the remedy; then nothing is
/// restricted.
Result<std::vector<std::string>> restrict_writing(const std::vector<confine::WritablePlace>& places);
/// Permits only the calls of the list, for all threads (seccomp(2)); with Seccomp::off nothing changes. Sets no-new-privileges. Where
/// another filter refuses seccomp(2), it uses prctl(2), and threads that run already are not restricted. The error is a clause with the
/// reason and the remedy. With sanitizers, which need other calls, it does nothing and gives true.
Result<bool> restrict_calls(const confine::CallList& calls, conf::Seccomp mode);

}  // namespace lictor::process
