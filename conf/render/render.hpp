// Renders the option and metric tables for operators: as --help, sample file and reference page.
#pragma once

#include <string>

#include "conf/options/options_fwd.hpp"

namespace lictor::conf {

std::string render_help();       ///< for --help: one line per option, grouped
std::string render_sample();     ///< conf/lictor.conf: every option at its default, commented out
std::string render_reference();  ///< conf/README.md: options and metrics
/// conf/stats.schema.json: `committed` with the members of `control` and `worker_counters` replaced by those of the metric rows.
std::string render_schema(std::string committed);

}  // namespace lictor::conf
