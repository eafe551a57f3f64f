// Reads files with open(2), fstat(2) and read(2). A file is identified by device and inode, so that the parser can skip a file that it has
// already read under another name.
#include "conf/disk/disk_files.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

namespace lictor::disk {
namespace {

// 64 MiB hold a block list of several hundred thousand lines. The limit bounds the memory if the path names a device or, by mistake, a huge
// file.
constexpr std::size_t file_bytes_max = 64 * 1024 * 1024;

class Descriptor {
public:
    explicit Descriptor(int fd) : fd_(fd) {}
    ~Descriptor() {
        if (fd_ > STDERR_FILENO) ::close(fd_);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    int get() const { return fd_; }

private:
    int fd_;
};

Error system_error() { return Error{std::strerror(errno)}; }

Result<std::string> read_all(int fd) {
    std::string text;
    char block[16384];
    for (;;) {
        const auto n = ::read(fd, block, sizeof block);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return system_error();
        if (n == 0) return text;
        text.append(block, static_cast<std::size_t>(n));
        if (text.size() > file_bytes_max) return Error{"longer than 64 MiB"};
    }
}

}  // namespace

Result<conf::FileSource::File> DiskFiles::read(const std::string& path) {
    const bool standard_input = path == "-" || path == "/dev/stdin";
    if (standard_input && standard_input_read_) return File{.text = standard_input_, .identity = "-"};
    const Descriptor file(standard_input ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
    if (file.get() < 0) return system_error();
    struct stat facts {};
    if (::fstat(file.get(), &facts) != 0) return system_error();
    if (S_ISDIR(facts.st_mode)) return Error{"is a directory"};
    auto text = read_all(file.get());
    if (!text) return text.error();
    if (standard_input) {
        standard_input_ = *text;
        standard_input_read_ = true;
        return File{.text = *std::move(text), .identity = "-"};
    }
    return File{.text = *std::move(text), .identity = std::to_string(facts.st_dev) + ':' + std::to_string(facts.st_ino)};
}

bool DiskFiles::exists(const std::string& path) {
    struct stat facts {};
    return ::stat(path.c_str(), &facts) == 0 || errno != ENOENT;
}

Result<std::vector<std::string>> DiskFiles::list(const std::string& directory) {
    const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(directory.c_str()), [](DIR* open) { return ::closedir(open); });
    if (!folder) return system_error();
    std::vector<std::string> names;
    while (const auto* entry = ::readdir(folder.get())) {
        struct stat facts {};
        // fstatat fails for a broken link, which is listed.
        if (::fstatat(::dirfd(folder.get()), entry->d_name, &facts, 0) == 0 && S_ISDIR(facts.st_mode)) continue;
        names.emplace_back(entry->d_name);
    }
    return names;
}

}  // namespace lictor::disk
