// `lictor doctor`: collects facts about this machine, the running lictor, the upstreams and Consul. resolver/doctor decides what they mean.
#pragma once

#include <string>

#include "conf/options/options_fwd.hpp"
#include "resolver/doctor/facts.hpp"

namespace lictor::cli {

/// Blocks some seconds at most for each upstream and each address that does not answer. Reads /proc and /etc, sends one or two queries to
/// each upstream and GET requests to Consul and to the members' REST APIs; changes nothing. `stats_address`: of the running lictor.
doctor::Facts collect_facts(const conf::Options& options, const std::string& stats_address);

}  // namespace lictor::cli
