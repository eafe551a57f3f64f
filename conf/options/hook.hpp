// The fields of the options for programs that run when a leader changes, with their defaults. Their rows of the option table are in
// hook.cpp.
#pragma once

#include <string>
#include <vector>

#include "conf/base/clock.hpp"

namespace lictor::conf {

struct HookOptions {
    std::vector<std::string> leader_exec;  ///< absolute paths
    seconds leader_exec_timeout{10};       ///< of each program, 1 to 3600
    bool leader_exec_net_admin = false;
    bool operator==(const HookOptions&) const = default;
};

}  // namespace lictor::conf
