// What the kernel gives this process and knows of it: random bits, resident memory, open descriptors.
#pragma once

#include <cstddef>
#include <cstdint>

#include "conf/base/random.hpp"

namespace lictor {

/// From getrandom(2); waits until the kernel has some.
Random::Seed kernel_seed();
std::uint64_t resident_bytes();
std::size_t count_descriptors();

}  // namespace lictor
