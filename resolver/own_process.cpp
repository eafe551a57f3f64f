// getrandom(2), /proc/self and the pid-file.
#include "resolver/own_process.hpp"

#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>

#include "conf/disk_files.hpp"

namespace lictor {

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
    DiskFiles files;
    const auto names = files.list("/proc/self/fd");
    return names ? names->size() : 0;
}

}  // namespace lictor
