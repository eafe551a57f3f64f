// Sub-commands: `lictor stats|explain|leaders|services|wait|flush …` send requests to the stats endpoint of a running lictor and print the
// reply as text (or, with --json, as JSON).
#pragma once

#include <string>
#include <vector>

#include "conf/options/options_fwd.hpp"
#include "conf/parse/parse.hpp"

namespace lictor::cli {

/// `words`: the sub-command and its arguments; the request goes to `options.stats_address`. Gives the exit code: 0 done; 1 the reply is
/// negative (not healthy, …) or not lictor's, or the arguments are wrong; 2 no reply. Blocks, 5 s at most; `wait` until its time-out, and
/// `stats --watch` until it is ended. Errors go to standard error.
int run_command(const std::vector<std::string>& words, const conf::Options& options);

/// `lictor import FILE…`: prints what each line of dnsmasq's files would do in lictor. `words`: `import` and the paths, read through
/// `files`. Gives 0 if every line is accepted or ignored, 1 if one is refused or the arguments are wrong, 3 if a file is missing.
int run_import(const std::vector<std::string>& words, conf::FileSource& files);

/// `lictor help COMMAND`: prints the text of one command. 1 if there is no such command.
int run_help(const std::string& word);

}  // namespace lictor::cli
