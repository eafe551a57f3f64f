// Which users, groups and files of a configuration are missing or not accessible, so that a start would fail or go on without them?
// Checked with the rights of the caller; `--test` prints the problems as warnings.
#pragma once

#include <string>
#include <vector>

#include "conf/options/options_fwd.hpp"

namespace lictor::process {

/// One sentence per problem: the option, the path, the cause (access(2), stat(2)), what follows for lictor. Empty if there is none. Files
/// that lictor opens before it changes its user are checked as the caller, all others as that user, in a child process. `files`: the
/// configuration files. Blocks on the disk and on the user database. Before any thread.
std::vector<std::string> find_start_problems(const conf::Options& options, const std::vector<std::string>& files);

}  // namespace lictor::process
