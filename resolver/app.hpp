// Owns the parts in order of life, connects them, starts, reloads, stops. Takes no decision about an answer.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "conf/parse.hpp"

namespace lictor {

/// What is needed to read the configuration again (HUP).
struct Invocation {
    std::vector<std::string> arguments;
    Environment environment;
    std::shared_ptr<FileSource> files;  ///< remembers what standard input said
};

/// Serves until TERM or INT. Gives the exit code (dnsmasq's: 0 ended, 1 configuration, 2 network, 3 file).
int serve(Parsed parsed, const Invocation& invocation);

}  // namespace lictor
