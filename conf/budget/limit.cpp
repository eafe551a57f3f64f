// The paths are those of Documentation/admin-guide/cgroup-v1 and cgroup-v2.rst of Linux.
#include "conf/budget/limit.hpp"

#include <algorithm>
#include <charconv>
#include <string_view>

namespace lictor::budget {
namespace {

constexpr std::uint64_t no_limit = 1ull << 60;  // version 1 writes a number near 2^63, version 2 writes `max`

std::optional<std::uint64_t> bytes_of(const std::optional<std::string>& text) {
    std::uint64_t bytes = 0;
    if (!text || std::from_chars(text->data(), text->data() + text->size(), bytes).ec != std::errc() || bytes >= no_limit)
        return std::nullopt;
    return bytes;
}

/// True if `controllers`, separated by commas, has `memory`.
bool has_memory(std::string_view controllers) {
    const std::string all = ',' + std::string(controllers) + ',';
    return all.find(",memory,") != std::string::npos;
}

}  // namespace

std::optional<std::uint64_t> cgroup_limit(const ReadFile& read) {
    std::optional<std::uint64_t> least;
    const auto look = [&](const std::string& root, std::string path, const char* file) {
        while (true) {
            if (const auto bytes = bytes_of(read(root + path + '/' + file))) least = std::min(least.value_or(*bytes), *bytes);
            if (path.empty()) return;
            path.resize(std::min(path.rfind('/'), path.size() - 1));
        }
    };
    const std::string groups = read("/proc/self/cgroup").value_or("");
    for (std::string_view rest = groups; !rest.empty();) {
        // hierarchy:controllers:path; version 2 has no controllers
        const std::string_view line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(rest.size(), line.size() + 1));
        const auto first = line.find(':'), second = first == line.npos ? first : line.find(':', first + 1);
        if (second == line.npos) continue;
        const std::string_view controllers = line.substr(first + 1, second - first - 1);
        std::string path(line.substr(second + 1));
        if (path == "/" || !path.starts_with('/')) path.clear();
        if (controllers.empty()) look("/sys/fs/cgroup", path, "memory.max");
        else if (has_memory(controllers)) look("/sys/fs/cgroup/memory", path, "memory.limit_in_bytes");
    }
    return least;
}

std::uint64_t default_max(std::optional<std::uint64_t> limit, std::uint64_t cache_bytes) {
    return std::clamp(limit ? *limit / 2 : without_limit + cache_bytes, bytes_min, bytes_max);
}

}  // namespace lictor::budget
