// Which users and groups does this system have? Reads /etc/passwd and /etc/group directly: getpwnam(3) loads libraries at run time that
// belong to one version of libc, which a static program cannot. Users of LDAP and the like are named by their number.
#pragma once

#include <optional>
#include <string>

#include "conf/values/user_lines.hpp"

namespace lictor::disk {

/// Each reads the file (at most 64 MiB) and blocks on the disk; nothing if the file cannot be read.
std::optional<conf::UserLine> find_user(const std::string& name);
std::optional<conf::UserLine> find_user(unsigned id);
std::optional<unsigned> find_group(const std::string& name);

}  // namespace lictor::disk
