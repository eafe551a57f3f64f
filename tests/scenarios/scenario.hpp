// Plays a scenario file against one Resolver with its own clock: no socket, no thread, no sleep. tests/scenarios/README.md describes the
// steps. An action of the Resolver that no step checks is a failure.
#pragma once

#include <string>

namespace lictor::test {

/// Plays a file's text. Returns the first failure with its line number; empty if it passed.
std::string play_scenario(const std::string& text);

}  // namespace lictor::test
