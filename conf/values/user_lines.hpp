// Which user or group do the lines of passwd(5) and group(5) name? A line that does not have the form of the file is skipped, as libc does.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace lictor::conf {

/// A line of /etc/passwd.
struct UserLine {
    std::string name;
    unsigned user = 0, group = 0;  ///< ids of the kernel
};
/// The first line of `passwd` for the user `name`; nothing if there is none.
std::optional<UserLine> user_of_name(std::string_view passwd, std::string_view name);
/// The first line of `passwd` with the id `user`.
std::optional<UserLine> user_of_id(std::string_view passwd, unsigned user);
/// The id in the first line of `group` for the group `name`.
std::optional<unsigned> group_of_name(std::string_view group, std::string_view name);
/// A decimal id, at most 4294967294: the largest number means "no change" in setresuid(2).
std::optional<unsigned> parse_id(std::string_view text);

}  // namespace lictor::conf
