// The option and metric tables turned into what people read: --help, the sample file, the reference page, the effective configuration.
#pragma once

#include <string>

#include "conf/options.hpp"

namespace lictor {

std::string render_help();                          ///< for --help: one line per option, grouped
std::string render_sample();                        ///< conf/lictor.conf: every option at its default, commented out
std::string render_reference();                     ///< conf/README.md: options and metrics
std::string render_effective(const Options&);       ///< every option with its value, one `name=value` line each; secrets hidden

}  // namespace lictor
