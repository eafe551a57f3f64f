// Uses getrandom(2), /proc/self, the pid-file, and the socket of systemd's protocol.
#include "resolver/process/this_process.hpp"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>

#include "conf/base/printable.hpp"
#include "conf/disk/disk_files.hpp"
#include "conf/log/log.hpp"

namespace lictor::process {

Random::Seed kernel_seed() {
    Random::Seed seed{};
    auto* at = reinterpret_cast<unsigned char*>(seed.data());
    for (std::size_t got = 0; got < sizeof seed;) {
        const ssize_t more = getrandom(at + got, sizeof seed - got, 0);
        if (more > 0) got += static_cast<std::size_t>(more);
        else ensure(errno == EINTR, "getrandom works");
    }
    return seed;
}

int write_pid_file(const std::string& path) {
    const bool anew = geteuid() == 0;
    if (anew) unlink(path.c_str());
    const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | (anew ? O_EXCL : O_TRUNC), 0644);
    if (file < 0) return errno;
    const auto text = std::to_string(getpid()) + '\n';
    const bool written = write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    const int error = written ? 0 : errno;
    close(file);
    return error;
}

std::string host_name() {
    char name[256] = {};
    return gethostname(name, sizeof name - 1) == 0 ? name : "";
}

Memory memory() {
    std::ifstream statm("/proc/self/statm");
    std::uint64_t pages = 0, resident = 0;
    statm >> pages >> resident;
    const auto page = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
    return {resident * page, pages * page};
}

double cpu_seconds() {
    timespec used{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
}

std::size_t count_threads() {
    disk::DiskFiles files;
    const auto names = files.list("/proc/self/task");
    return names ? names->size() : 0;
}

std::uint64_t file_limit() {
    rlimit limit{};
    return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 0;
}

std::size_t count_descriptors() {
    disk::DiskFiles files;
    const auto names = files.list("/proc/self/fd");
    return names ? names->size() : 0;
}

void notify_systemd(const char* state) {
    const char* const named = std::getenv("NOTIFY_SOCKET");
    if (!named) return;
    const std::string_view path = named;
    const auto failed = [&](const char* why) {
        log::warning("NOTIFY_SOCKET=" + printable(path, 200) + ": systemd gets no message: " + why +
                     "; correct it, or use Type=simple in the unit");
    };
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty() || (path[0] != '/' && path[0] != '@')) return failed("it is not the path of a unix socket");
    if (path.size() >= sizeof address.sun_path) return failed("the path is too long");
    std::memcpy(address.sun_path, path.data(), path.size());
    if (path[0] == '@') address.sun_path[0] = '\0';  // a name without a file (unix(7))
    const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const timeval longest{.tv_sec = 1, .tv_usec = 0};
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &longest, sizeof longest);
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
    const bool sent =
        fd >= 0 && sendto(fd, state, std::strlen(state), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address), size) >= 0;
    const int code = errno;
    if (fd >= 0) close(fd);
    if (!sent) failed(std::strerror(code));
}

}  // namespace lictor::process
