// Calls setgroups, setgid and setuid in this order, because after setuid the process may not call the others.
#include "resolver/process/privileges.hpp"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include "conf/disk/users.hpp"

namespace lictor::process {

namespace {

constexpr unsigned nobody_id = 65534;  ///< the kernel's overflow id, and Debian's nobody and nogroup

/// Sets the whole capability sets (capabilities(7)), as masks of CAP_TO_MASK. `usable`: permitted and effective.
bool set_capabilities(std::uint32_t usable, std::uint32_t inheritable) {
    __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    __user_cap_data_struct data[2] = {{.effective = usable, .permitted = usable, .inheritable = inheritable}, {}};
    return syscall(SYS_capset, &header, data) == 0;
}

/// Keeps the capabilities of the mask if they are permitted, and no other one.
bool keep_only(std::uint32_t kept) { return (kept != 0 && set_capabilities(kept, 0)) || set_capabilities(0, 0); }

/// Why the user or the group cannot be set, and the remedy.
std::string cannot_set(const std::string& what, const char* capability, int code) {
    const std::string remedy = code == EINVAL ? "the user namespace does not map this id; map it"
                                              : std::string("grant ") + capability + " (in a container: --cap-add " + capability + ")";
    return what + " cannot be set: " + std::strerror(code) + "; " + remedy;
}

}  // namespace

Result<std::optional<Identity>> find_identity(const std::string& user, const std::string& group) {
    if (geteuid() != 0 || (user.empty() && group.empty())) return std::optional<Identity>();
    Identity identity{.user = geteuid(), .group = getegid(), .user_name = user};
    if (!user.empty()) {
        const auto id = user == "nobody" ? nobody_id : conf::parse_id(user);
        auto found = disk::find_user(user);
        if (!found && id) found = disk::find_user(*id);
        if (!found && !id)
            return Error{"user=" + user +
                         ": /etc/passwd has no such user; create it, name another, give its number, or write user= to stay root"};
        identity.user = found ? found->user : *id;
        identity.group = found ? found->group : nobody_id;
    }
    if (!group.empty()) {
        const auto id = conf::parse_id(group);
        const auto found = disk::find_group(group);
        if (!found && !id) return Error{"group=" + group + ": /etc/group has no such group; create it, name another, or give its number"};
        identity.group = found ? *found : *id;
    }
    return std::optional(identity);
}

Attainable find_attainable(const std::optional<Identity>& identity) {
    Attainable out{identity, {}};
    if (!identity) return out;
    const uid_t user = geteuid();
    const gid_t group = getegid();
    constexpr auto same_user = static_cast<uid_t>(-1);
    constexpr auto same_group = static_cast<gid_t>(-1);
    // The group first: after the user is changed it cannot be set.
    const bool sets_group = setresgid(same_group, identity->group, same_group) == 0;
    const int group_code = errno;
    if (sets_group) ensure(setresgid(same_group, group, same_group) == 0, "the saved group can be set");
    const int count = getgroups(0, nullptr);
    std::vector<gid_t> groups(count > 0 ? static_cast<std::size_t>(count) : 0);
    const bool has_groups = !groups.empty() && getgroups(count, groups.data()) == count;
    out.identity->keeps_groups = has_groups && setgroups(groups.size(), groups.data()) != 0;
    if (setresuid(same_user, identity->user, same_user) != 0) {
        out.warnings.push_back(cannot_set("user=" + identity->user_name, "SETUID", errno) +
                               ", or write user=; lictor stays root, without capabilities");
        out.identity.reset();
        return out;
    }
    ensure(setresuid(same_user, user, same_user) == 0, "the saved user can be set");
    if (!sets_group) {
        out.identity->group = group;
        out.warnings.push_back(cannot_set("the group " + std::to_string(identity->group), "SETGID", group_code) +
                               "; lictor keeps the group " + std::to_string(group));
    }
    if (out.identity->keeps_groups)
        out.warnings.push_back("the supplementary groups cannot be removed; grant SETGID (in a container: --cap-add SETGID)");
    return out;
}

namespace {

/// `kept`: a mask of capabilities.
Result<bool> become_keeping(const std::optional<Identity>& identity, std::uint32_t kept) {
    const auto failed = [](const char* what) {
        return Error{std::string("cannot drop privileges: ") + what + ": " + std::strerror(errno)};
    };
    if (identity) {
        if (!identity->keeps_groups && getgroups(0, nullptr) > 0 && setgroups(0, nullptr) != 0) return failed("setgroups");
        if (setgid(identity->group) != 0) return failed("setgid");
        if (kept != 0 && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0) return failed("PR_SET_KEEPCAPS");
        if (setuid(identity->user) != 0) return failed("setuid");
    }
    if ((!identity || (kept != 0 && identity->user != 0)) && !keep_only(kept)) {
        // The kernel never refuses to give up capabilities.
        const int code = errno;
        auto problem = failed("capset");
        if (code == EPERM)
            problem.text += ": a filter of system calls refuses it; allow capset (systemd: the lines for leader-cut in lictor.service)";
        return problem;
    }
    if (identity && identity->user != 0 && setuid(0) == 0) return Error{"cannot drop privileges: setuid(0) still works"};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    return true;
}

}  // namespace

Result<bool> become(const std::optional<Identity>& identity, bool keep_binding) {
    return become_keeping(identity, keep_binding ? CAP_TO_MASK(CAP_NET_BIND_SERVICE) : 0);
}

Result<bool> give_up_unneeded() {
    __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    __user_cap_data_struct data[2] = {};
    const auto kept = CAP_TO_MASK(CAP_NET_BIND_SERVICE);
    if (syscall(SYS_capget, &header, data) != 0) return Error{std::strerror(errno)};
    if ((data[0].permitted & ~kept) == 0 && data[1].permitted == 0) return true;
    if (!set_capabilities(data[0].permitted & kept, 0)) return Error{std::strerror(errno)};
    return true;
}

Result<bool> become_for_cuts(const std::optional<Identity>& identity) {
    constexpr std::uint32_t admin = CAP_TO_MASK(CAP_NET_ADMIN);
    auto became = become_keeping(identity, admin);
    if (became && !keep_only(admin)) return Error{std::string("capabilities cannot be given up: ") + std::strerror(errno)};  // user=root
    return became;
}

Result<bool> become_for_hooks(const std::optional<Identity>& identity, bool net_admin) {
    constexpr std::uint32_t admin = CAP_TO_MASK(CAP_NET_ADMIN);
    const bool stays_root = geteuid() == 0 && (!identity || identity->user == 0);
    if (identity) {
        prctl(PR_SET_KEEPCAPS, net_admin ? 1 : 0, 0, 0, 0);
        const bool groups_done = identity->keeps_groups || getgroups(0, nullptr) == 0 || setgroups(0, nullptr) == 0;
        if (!groups_done || setgid(identity->group) != 0 || setuid(identity->user) != 0) _exit(5);  // never as root by mistake
    }
    if (stays_root) return true;
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    if (net_admin && (!set_capabilities(admin, admin) || prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_ADMIN, 0, 0) != 0)) {
        const int code = errno;
        set_capabilities(0, 0);
        return Error{std::string("leader-exec-net-admin: CAP_NET_ADMIN cannot be kept: ") + std::strerror(code) +
                     "; start as root or grant the capability (in a container: --cap-add NET_ADMIN)"};
    }
    if (!net_admin) set_capabilities(0, 0);
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

std::string lack_of_files(std::size_t needed) {
    std::vector<int> opened;
    while (opened.size() < needed) {
        const int file = open("/", O_PATH | O_CLOEXEC);  // the one file that every root has
        if (file < 0) break;
        opened.push_back(file);
    }
    const int code = errno;
    for (const int file : opened) close(file);
    if (opened.size() == needed) return {};
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    return "too few files can be open (" + std::string(std::strerror(code)) + "; ulimit -n is " + std::to_string(limit.rlim_cur) +
           "): " + std::to_string(needed) +
           " are needed beside those that are open already, and more for queries; raise the limit (ulimit -n, "
           "LimitNOFILE= in a unit, --ulimit nofile= in a container)";
}

}  // namespace lictor::process
