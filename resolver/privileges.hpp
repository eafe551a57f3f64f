// Becoming an ordinary user once the ports are bound, before any thread starts.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "conf/base/result.hpp"

namespace lictor {

struct Identity {
    unsigned user = 0, group = 0;
    std::string user_name;
};
/// Looks the names up; an empty user keeps the one we are. Nothing if no change is wanted or possible (not root).
Result<std::optional<Identity>> find_identity(const std::string& user, const std::string& group);
/// Groups, group, user, no new privileges. Irreversible.
Result<bool> become(const Identity& identity, bool keep_binding = false);
/// The same for the process that runs the operator's programs, but that these may gain privileges (sudo) where the system lets them.
/// `net_admin`: CAP_NET_ADMIN is kept and handed on to them, nothing else is. An error says what could not be kept; the user is given up.
Result<bool> become_for_hooks(const std::optional<Identity>& identity, bool net_admin);
/// Raises the soft limit of open files to the hard one; gives the limit in force.
std::size_t raise_file_limit();

}  // namespace lictor
