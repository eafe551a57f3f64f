// setgroups, setgid, setuid in the one order that works.
#include "resolver/privileges.hpp"

#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace lictor {

Result<std::optional<Identity>> find_identity(const std::string& user, const std::string& group) {
    if (geteuid() != 0 || (user.empty() && group.empty())) return std::optional<Identity>();
    Identity identity{.user = geteuid(), .group = getegid(), .user_name = user};
    if (!user.empty()) {
        const passwd* found = getpwnam(user.c_str());
        if (!found) return Error{"user=" + user + ": there is no such user; create it, name another, or write user= to stay root"};
        identity.user = found->pw_uid;
        identity.group = found->pw_gid;
    }
    if (!group.empty()) {
        const ::group* found = getgrnam(group.c_str());
        if (!found) return Error{"group=" + group + ": there is no such group; create it or name another"};
        identity.group = found->gr_gid;
    }
    return std::optional(identity);
}

Result<bool> become(const Identity& identity) {
    const auto failed = [](const char* what) { return Error{std::string("cannot drop privileges: ") + what + ": " + std::strerror(errno)}; };
    if (setgroups(0, nullptr) != 0) return failed("setgroups");
    if (setgid(identity.group) != 0) return failed("setgid");
    if (setuid(identity.user) != 0) return failed("setuid");
    if (identity.user != 0 && setuid(0) == 0) return Error{"cannot drop privileges: root came back"};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
#ifdef __SANITIZE_ADDRESS__
    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);  // the leak check traces its own process
#endif
    return true;
}

std::size_t raise_file_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
    limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 65536);
    setrlimit(RLIMIT_NOFILE, &limit);
    getrlimit(RLIMIT_NOFILE, &limit);
    return static_cast<std::size_t>(limit.rlim_cur);
}

}  // namespace lictor
