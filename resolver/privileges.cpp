// setgroups, setgid, setuid in the one order that works.
#include "resolver/privileges.hpp"

#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
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

namespace {

/// CAP_NET_BIND_SERVICE alone: for addresses that come later (capabilities(7); no library for one call).
bool keep_only_binding() {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct data[2] = {};
    data[0].effective = data[0].permitted = 1u << CAP_NET_BIND_SERVICE;
    return syscall(SYS_capset, &header, data) == 0;
}

}  // namespace

Result<bool> become(const Identity& identity, bool keep_binding) {
    const auto failed = [](const char* what) { return Error{std::string("cannot drop privileges: ") + what + ": " + std::strerror(errno)}; };
    if (setgroups(0, nullptr) != 0) return failed("setgroups");
    if (setgid(identity.group) != 0) return failed("setgid");
    if (keep_binding && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0) return failed("PR_SET_KEEPCAPS");
    if (setuid(identity.user) != 0) return failed("setuid");
    if (keep_binding && identity.user != 0 && !keep_only_binding()) return failed("capset");
    if (identity.user != 0 && setuid(0) == 0) return Error{"cannot drop privileges: root came back"};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
#ifdef __SANITIZE_ADDRESS__
    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);  // the leak check traces its own process
#endif
    return true;
}

namespace {

/// Permitted, effective and inheritable: CAP_NET_ADMIN alone, or nothing.
bool set_capabilities(bool net_admin) {
    __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    __user_cap_data_struct data[2] = {};
    if (net_admin) data[CAP_TO_INDEX(CAP_NET_ADMIN)] = {CAP_TO_MASK(CAP_NET_ADMIN), CAP_TO_MASK(CAP_NET_ADMIN), CAP_TO_MASK(CAP_NET_ADMIN)};
    return syscall(SYS_capset, &header, data) == 0;
}

}  // namespace

Result<bool> become_for_hooks(const std::optional<Identity>& identity, bool net_admin) {
    const bool stays_root = geteuid() == 0 && (!identity || identity->user == 0);
    if (identity) {
        prctl(PR_SET_KEEPCAPS, net_admin ? 1 : 0, 0, 0, 0);
        if (setgroups(0, nullptr) != 0 || setgid(identity->group) != 0 || setuid(identity->user) != 0) _exit(5);  // never as root by mistake
    }
    if (stays_root) return true;
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    if (net_admin && (!set_capabilities(true) || prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_ADMIN, 0, 0) != 0)) {
        const int code = errno;
        set_capabilities(false);
        return Error{std::string("leader-exec-net-admin: CAP_NET_ADMIN cannot be kept: ") + std::strerror(code) +
                     "; start as root or grant the capability (in a container: --cap-add NET_ADMIN)"};
    }
    if (!net_admin) set_capabilities(false);
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
