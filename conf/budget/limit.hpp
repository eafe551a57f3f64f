// How much memory may this process have? Reads the limit of its cgroup, and says how much of it memory-max is if no option sets it. Pure:
// the caller reads the files.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace lictor::budget {

inline constexpr std::uint64_t bytes_min = 4ull << 20, bytes_max = 1ull << 40;  ///< bounds of memory-max
inline constexpr std::uint64_t without_limit = 64ull << 20;                     ///< in a machine or container without a limit

/// Gives the text of a file, nothing if it cannot be read.
using ReadFile = std::function<std::optional<std::string>(const std::string& path)>;

/// The smallest memory limit of this process' cgroup and of the groups above it, in bytes; nothing without a limit. Both versions of
/// cgroups, at /sys/fs/cgroup. Groups that cannot be seen (in a container: those of the host) are skipped.
std::optional<std::uint64_t> cgroup_limit(const ReadFile& read);

/// memory-max if no option sets it: half of the limit; without one, `without_limit` beside the largest size of all caches.
std::uint64_t default_max(std::optional<std::uint64_t> limit, std::uint64_t cache_bytes);

}  // namespace lictor::budget
