// What the kernel gives this process and knows of it: random bits, resident memory, open descriptors, and its id, for others to read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "conf/base/random.hpp"

namespace lictor {

/// From getrandom(2); waits until the kernel has some.
Random::Seed kernel_seed();
std::uint64_t resident_bytes();
std::size_t count_descriptors();
/// Our process id, on a line. As root the file is made anew: whoever owns the folder cannot turn it into a link to another file before.
/// Gives errno, 0 if all is well.
int write_pid_file(const std::string& path);

}  // namespace lictor
