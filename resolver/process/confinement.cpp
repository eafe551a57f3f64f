// Calls prctl(2), seccomp(2) and the three calls of landlock(7), for which the C library has no functions.
#include "resolver/process/confinement.hpp"

#include <fcntl.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define LICTOR_SANITIZED
#endif

extern char** environ;  // NOLINT: POSIX

namespace lictor::process {
namespace {

constexpr std::uint64_t truncates = 1ull << 14;  ///< LANDLOCK_ACCESS_FS_TRUNCATE, which Debian 12's headers do not have
constexpr std::uint64_t of_a_file = LANDLOCK_ACCESS_FS_WRITE_FILE | truncates;
constexpr std::uint64_t of_a_folder =
    of_a_file | LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK;
constexpr std::uint64_t of_nobody = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_MAKE_CHAR |
                                    LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |
                                    LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_REFER;

class Descriptor {
public:
    explicit Descriptor(int fd) : fd_(fd) {}
    ~Descriptor() {
        if (fd_ >= 0) close(fd_);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    int get() const { return fd_; }

private:
    int fd_;
};

/// The rights that this version of Landlock knows.
std::uint64_t known(std::uint64_t rights, int version) {
    if (version < 2) rights &= ~std::uint64_t{LANDLOCK_ACCESS_FS_REFER};
    if (version < 3) rights &= ~truncates;
    return rights;
}

/// True for `/`, whatever its name was.
bool is_root(int folder) {
    struct stat facts {
    }, root{};
    return fstat(folder, &facts) == 0 && stat("/", &root) == 0 && facts.st_dev == root.st_dev && facts.st_ino == root.st_ino;
}

/// The folder of the path, or the nearest folder above it that is there; -1 for `/`, below which everything is. If it is not the folder of
/// the path, a warning is added.
int open_folder(const std::string& path, std::vector<std::string>& warnings) {
    const auto end = path.rfind('/');
    const std::string wanted = end == std::string::npos ? "." : path.substr(0, end);
    std::string folder = wanted;
    while (!folder.empty()) {
        const int fd = open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd >= 0 && is_root(fd)) {
            close(fd);
            break;
        }
        if (fd >= 0 && folder != wanted)
            warnings.push_back(path + ": its folder is not there, so lictor may write in all folders below " + folder +
                               "; make the folder " + wanted + " and start lictor again");
        if (fd >= 0 || errno != ENOENT) return fd;
        const auto slash = folder.rfind('/');
        folder = slash == std::string::npos ? (folder == "." ? "" : ".") : folder.substr(0, slash);
    }
    warnings.push_back(path + ": lictor cannot make files there, because it would have to be allowed to write everywhere below /; " +
                       (wanted.empty() ? "choose a path in a folder of its own" : "make the folder " + wanted) +
                       " and start lictor again, or set landlock=off");
    return -1;
}

void permit(int ruleset, const Descriptor& place, std::uint64_t rights) {
    if (place.get() < 0) return;
    const landlock_path_beneath_attr rule{.allowed_access = rights, .parent_fd = place.get()};
    syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);  // a place without a rule is not writable
}

void permit(int ruleset, const confine::WritablePlace& place, int version, std::vector<std::string>& warnings) {
    struct stat facts {};
    const Descriptor file(open(place.path.c_str(), O_PATH | O_CLOEXEC));
    if (file.get() >= 0 && fstat(file.get(), &facts) == 0 && !S_ISDIR(facts.st_mode)) permit(ruleset, file, known(of_a_file, version));
    // A device, such as a terminal that is the log, is never made again.
    if (!place.in_folder || (file.get() >= 0 && !S_ISREG(facts.st_mode) && !S_ISSOCK(facts.st_mode))) return;
    permit(ruleset, Descriptor(open_folder(place.path, warnings)), known(of_a_folder, version));
    const std::unique_ptr<char, void (*)(void*)> real(realpath(place.path.c_str(), nullptr), std::free);
    if (real && place.path != real.get()) permit(ruleset, Descriptor(open_folder(real.get(), warnings)), known(of_a_folder, version));
}

std::string because(const char* what) { return std::string(what) + ": " + strerror(errno); }

}  // namespace

void allow_core_files(bool allowed) {
#ifdef LICTOR_SANITIZED
    allowed = true;  // the leak check traces its own process
#endif
    prctl(PR_SET_DUMPABLE, allowed ? 1 : 0, 0, 0, 0);
}

void wipe_secrets_of_environment() {
    for (char** at = environ; at && *at; ++at)
        for (const std::string_view secret : {"CONSUL_HTTP_TOKEN=", "CONSUL_HTTP_AUTH="})
            if (std::string_view(*at).starts_with(secret)) explicit_bzero(*at + secret.size(), strlen(*at) - secret.size());
}

Result<std::vector<std::string>> restrict_writing(const std::vector<confine::WritablePlace>& places) {
    const auto version = static_cast<int>(syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION));
    if (version < 1) {
        if (errno == ENOSYS || errno == EOPNOTSUPP)
            return Error{"the kernel does not have Landlock, or its boot line leaves it out (lsm=)"};
        return Error{because("landlock_create_ruleset") +
                     "; allow Landlock's system calls (systemd: SystemCallFilter=landlock_create_ruleset "
                     "landlock_add_rule landlock_restrict_self)"};
    }
    landlock_ruleset_attr handled{};
    handled.handled_access_fs = known(of_a_folder | of_nobody, version);
    const Descriptor ruleset(static_cast<int>(syscall(SYS_landlock_create_ruleset, &handled, sizeof handled, 0)));
    if (ruleset.get() < 0) return Error{because("landlock_create_ruleset")};
    std::vector<std::string> warnings;
    for (const auto& place : places) permit(ruleset.get(), place, version, warnings);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return Error{because("PR_SET_NO_NEW_PRIVS")};
    if (syscall(SYS_landlock_restrict_self, ruleset.get(), 0) != 0) return Error{because("landlock_restrict_self")};
    return warnings;
}

Result<bool> restrict_calls([[maybe_unused]] const confine::CallList& calls, [[maybe_unused]] conf::Seccomp mode) {
#ifdef LICTOR_SANITIZED
    return true;
#else
    if (mode == conf::Seccomp::off) return true;
    const auto architecture = confine::architecture();
    if (!architecture) return Error{"lictor has no list of system calls for this architecture"};
    auto program =
        confine::make_filter(calls, mode == conf::Seccomp::kill ? confine::Refusal::kills : confine::Refusal::fails, *architecture);
    const sock_fprog whole{.len = static_cast<unsigned short>(program.size()), .filter = program.data()};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return Error{because("PR_SET_NO_NEW_PRIVS")};
    // The flag LOG: the kernel's audit log names each call that is refused.
    const long done = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_LOG, &whole);
    if (done > 0) return Error{"seccomp: a thread has a filter of its own"};
    if (done == 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &whole, 0, 0) == 0) return true;
    return Error{because("seccomp") + "; the kernel needs CONFIG_SECCOMP_FILTER, and a filter around lictor must allow seccomp or prctl"};
#endif
}

}  // namespace lictor::process
