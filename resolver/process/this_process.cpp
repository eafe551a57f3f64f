// Uses getrandom(2), /proc/self, the pid-file, and sd_notify from libsystemd. The library is opened for each call, because a run has only
// two.
#include "resolver/process/this_process.hpp"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <fstream>

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

std::uint64_t resident_bytes() {
    std::ifstream statm("/proc/self/statm");
    std::uint64_t pages = 0, resident = 0;
    statm >> pages >> resident;
    return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

std::size_t count_descriptors() {
    disk::DiskFiles files;
    const auto names = files.list("/proc/self/fd");
    return names ? names->size() : 0;
}

void notify_systemd(const char* state) {
    if (!std::getenv("NOTIFY_SOCKET")) return;
    void* library = dlopen("libsystemd.so.0", RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        log::warning(
            "NOTIFY_SOCKET is set, but libsystemd.so.0 cannot be opened: systemd gets no message; install libsystemd0 or use Type=simple");
        return;
    }
    using Notify = int (*)(int, const char*);
    if (const auto notify = reinterpret_cast<Notify>(dlsym(library, "sd_notify"))) notify(0, state);
    dlclose(library);
}

}  // namespace lictor::process
