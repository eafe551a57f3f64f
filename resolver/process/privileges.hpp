// Makes the process an ordinary user after ports are bound and before any thread starts.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "conf/base/result.hpp"

namespace lictor::process {

/// The user that lictor becomes.
struct Identity {
    unsigned user = 0, group = 0;  ///< ids of the kernel
    std::string user_name;         ///< as configured; empty if only the group changes
    bool keeps_groups = false;     ///< the supplementary groups cannot be removed
};
/// Looks up user and group in /etc/passwd and /etc/group; an empty group name means the user's own group, an empty user name keeps the
/// present user. A number is an id, with or without an entry; without one its group is 65534. `nobody` without an entry is 65534.
/// Nothing if both are empty or the process is not root. The error names the unknown name and the remedy.
Result<std::optional<Identity>> find_identity(const std::string& user, const std::string& group);

/// What a process may become of what is configured.
struct Attainable {
    std::optional<Identity> identity;   ///< empty: the user stays
    std::vector<std::string> warnings;  ///< what cannot be changed: cause, effect and remedy
};
/// Reduces `identity` to the user and the group that this process can set: CAP_SETUID or CAP_SETGID may be missing, or the user namespace
/// may not map the id. Sets each effective id, and then the old one again. Before any thread.
Attainable find_attainable(const std::optional<Identity>& identity);
/// Removes the supplementary groups; sets group, user and no-new-privileges (prctl(2)). Without an identity only capabilities are given up.
/// Irreversible; before any thread. `keep_binding`: CAP_NET_BIND_SERVICE is kept if the process has it, for ports below 1024 on addresses
/// that appear later. True, or the error "cannot drop privileges: STEP: CAUSE"; then the process may have changed in part and must end.
Result<bool> become(const std::optional<Identity>& identity, bool keep_binding);
/// For a process that was started as an ordinary user with capabilities (a systemd unit): gives up all but CAP_NET_BIND_SERVICE, which a
/// reload with a new address needs. Makes no system call that changes anything if there is no other one. The error has strerror(3)'s text.
Result<bool> give_up_unneeded();
/// The same for the process that runs the operator's programs, without no-new-privileges, so that sudo works. `net_admin`: CAP_NET_ADMIN is
/// kept and inherited by the programs. If it cannot be kept, that is the error, and the user is set nevertheless.
/// Without an identity the user stays. If the user cannot be set, the process exits with 5: programs never run as root by mistake.
Result<bool> become_for_hooks(const std::optional<Identity>& identity, bool net_admin);
/// The same as `become` for the process that ends connections: of all capabilities CAP_NET_ADMIN is kept, if it is permitted. Otherwise
/// that is no error; the process then finds out what it may not do.
Result<bool> become_for_cuts(const std::optional<Identity>& identity);
/// Tries whether `needed` further files can be open at once. Empty, or a sentence with the limit and the remedy. Before any thread.
std::string lack_of_files(std::size_t needed);
/// Sets the soft limit of open files (RLIMIT_NOFILE) to the hard one or to 65536, whichever is smaller; a higher soft limit is lowered.
/// Gives the limit in force, 1024 if it cannot be read.
std::size_t raise_file_limit();

}  // namespace lictor::process
