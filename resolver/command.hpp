// Sub-commands: `lictor stats|leaders|failovers|services|flush|health|ready …` ask a running lictor through its stats endpoint and print the
// answer for people (or, with --json, as it came).
#pragma once

#include <string>
#include <vector>

#include "conf/options.hpp"
#include "conf/parse.hpp"

namespace lictor {

/// `words`: the sub-command and its own arguments; `options.stats_address` says where to ask. Gives the exit code: 0 done, 1 the answer was
/// "no" (not healthy, …) or the words make no sense, 2 nobody answered.
int run_command(const std::vector<std::string>& words, const Options& options);

/// `lictor import FILE…`: what each line of a dnsmasq's files would do here. 0 when every line is taken or ignored, 1 when one is refused, 3
/// when a file is missing.
int run_import(const std::vector<std::string>& words, FileSource& files);

}  // namespace lictor
