// What does `lictor --version` print?
#pragma once

#include <string>

namespace lictor::cli {

/// `lictor version N`, then a line with the commit and the kind of build, then one with the libraries in use and their versions. `commit`:
/// of the source, may be empty.
std::string version_text(const std::string& commit);

}  // namespace lictor::cli
