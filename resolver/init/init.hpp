// `lictor init [OPTION…] -- COMMAND…`: the first process of a container. It makes lictor the nameserver, runs the command, and restores
// resolv.conf at its end. It needs no shell and no other program.
#pragma once

#include <string>
#include <vector>

#include "conf/parse/parse.hpp"

namespace lictor::init {

/// `words`: those behind `init`. `environment`: LICTOR_OPTIONS has more options for lictor, LICTOR_RESOLV_CONF names another resolv.conf,
/// LICTOR_KEPT the copy of the container engine's. Configuration files are read through `files`. `print_help`: prints the help of the
/// command and gives the exit code.
///
/// Gives the exit code of the command, or 128 and the number of the signal that ended it. 127: there is no such command, 126: it cannot be
/// executed. Before the command runs: lictor's exit code if it does not start, 1 for wrong words, 143 and the like for TERM, INT, HUP and
/// QUIT. Blocks until the command has ended. Before any thread: it forks. It must be the only owner of this process's children and signals.
int run_init(const std::vector<std::string>& words, const conf::Environment& environment, conf::FileSource& files, int (*print_help)());

}  // namespace lictor::init
