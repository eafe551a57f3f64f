// What is wrong with a configuration, on standard error.
#pragma once

#include "conf/parse/parse.hpp"

namespace lictor::cli {

/// Prints a line for each error, and for each warning if `warnings` or if there is an error. Gives the exit code: 0 without an error, 3 if
/// a file is missing, else 1.
int print_complaints(const conf::Parsed& parsed, bool warnings);

}  // namespace lictor::cli
