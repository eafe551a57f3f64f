// Uses getrandom(2), /proc/self, the pid-file, and the socket of systemd's protocol.
#include "resolver/process/this_process.hpp"

#include <fcntl.h>
#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <span>
#include <string_view>

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

std::string host_name() {
    std::array<char, 256> name{};
    return ::gethostname(name.data(), name.size() - 1) == 0 ? std::string(name.data()) : std::string();
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

void release_freed_memory() { malloc_trim(0); }

void release_start_memory() {
    malloc_trim(0);
    static const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
    const auto of_object = [](dl_phdr_info* object, std::size_t, void*) {
        for (const auto& segment : std::span(object->dlpi_phdr, object->dlpi_phnum)) {
            // A segment that cannot be written to has the bytes of the file. The others may have been changed (relocations), and stay.
            if (segment.p_type != PT_LOAD || segment.p_flags & PF_W) continue;
            const std::uintptr_t begin = (object->dlpi_addr + segment.p_vaddr) / page * page;
            madvise(reinterpret_cast<void*>(begin), object->dlpi_addr + segment.p_vaddr + segment.p_memsz - begin, MADV_DONTNEED);
        }
        return 0;
    };
    dl_iterate_phdr(of_object, nullptr);
}

std::size_t count_descriptors() {
    disk::DiskFiles files;
    const auto names = files.list("/proc/self/fd");
    return names ? names->size() : 0;
}

std::uint64_t monotonic_microseconds() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000 + static_cast<std::uint64_t>(now.tv_nsec) / 1000;
}

Watchdog::Watchdog() {
    const char *const interval = std::getenv("WATCHDOG_USEC"), *const process = std::getenv("WATCHDOG_PID");
    if (!interval || (process && std::strtol(process, nullptr, 10) != getpid())) return;
    every_ = microseconds(static_cast<std::int64_t>(std::min<unsigned long long>(std::strtoull(interval, nullptr, 10), 1ull << 40) / 4));
}

bool Watchdog::due(Now now) {
    if (every_ == microseconds(0) || now < next_) return false;
    next_ = now + every_;
    return true;
}

void notify_systemd(const std::string& state) {
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
        fd >= 0 && sendto(fd, state.data(), state.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address), size) >= 0;
    const int code = errno;
    if (fd >= 0) close(fd);
    if (!sent) failed(std::strerror(code));
}

}  // namespace lictor::process
