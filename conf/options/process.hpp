// The fields of the options for the process: user, files and threads, with their defaults. Their rows of the option table are in
// process.cpp.
#pragma once

#include <cstdint>
#include <string>

namespace lictor::conf {

struct ProcessOptions {
    std::string user = "nobody";  ///< the user to become when started as root; empty = stay
    std::string group;
    std::string pid_file;  ///< empty = none
    bool keep_in_foreground = false;
    bool no_daemon = false;
    std::uint32_t threads = 1;  ///< workers, 1 to 64
    bool strict = false;        ///< security warnings are errors
    bool operator==(const ProcessOptions&) const = default;
};

}  // namespace lictor::conf
