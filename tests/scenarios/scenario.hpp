// A scenario file played against one Resolver with its own clock: no socket, no thread, no sleep. The words are described in
// tests/scenarios/README.md. Anything that the Resolver does and the file does not say is a failure.
#pragma once

#include <string>

namespace lictor::test {

/// Plays a file's text; empty = passed, else what went wrong with the line number.
std::string play_scenario(const std::string& text);

}  // namespace lictor::test
