// What would a start of this configuration fail on, or go on without, that its text does not tell? Users and files, looked at from here
// and now, with the rights of whoever asks: `--test` says it, and calls it a warning.
#pragma once

#include <string>
#include <vector>

#include "conf/options.hpp"

namespace lictor {

/// One sentence for each, option first; bounded by the options given. Blocks on the disk.
std::vector<std::string> look_ahead(const Options& options);

}  // namespace lictor
