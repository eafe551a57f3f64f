// The fields of the options for the process: user, files and threads, with their defaults. Their rows of the option table are in
// process.cpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace lictor::conf {

/// What happens at a system call that is not in lictor's list: it is not made (`on`), or the process ends (`kill`). `off`: no list.
enum class Seccomp : std::uint8_t { on, off, kill };

struct ProcessOptions {
    std::string user = "nobody";  ///< the user to become when started as root; empty = stay
    std::string group;
    std::string pid_file;  ///< empty = none
    bool keep_in_foreground = false;
    bool no_daemon = false;
    std::uint32_t threads = 1;                ///< workers, 1 to 64
    std::optional<std::uint64_t> memory_max;  ///< bytes, 4 MiB to 1 TiB; none = by the limit of the cgroup (conf/budget)
    bool strict = false;                      ///< security warnings are errors
    Seccomp seccomp = Seccomp::on;
    bool landlock = true;     ///< files that the configuration does not name cannot be written
    bool core_dumps = false;  ///< the kernel may write the memory to a core file
    bool operator==(const ProcessOptions&) const = default;
};

}  // namespace lictor::conf
