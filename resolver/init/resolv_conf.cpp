// The new text is written over the old one and then cut to its length, so that a reader never sees an empty file.
#include "resolver/init/resolv_conf.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include "conf/base/printable.hpp"
#include "resolver/supervise/resolv_text.hpp"

namespace lictor::init {
namespace {

constexpr std::size_t text_max = 64 * 1024;

/// The whole text of a regular file, or an errno. EFBIG: more than `text_max`.
std::optional<std::string> read_text(const std::string& path, int& code) {
    const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    code = file < 0 ? errno : 0;
    if (file < 0) return std::nullopt;
    std::string text;
    char bytes[4096];
    ssize_t got = 0;
    while ((got = read(file, bytes, sizeof bytes)) != 0) {
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) code = errno;
        else if (text.size() + static_cast<std::size_t>(got) > text_max) code = EFBIG;
        if (code != 0) break;
        text.append(bytes, static_cast<std::size_t>(got));
    }
    close(file);
    return code == 0 ? std::optional(std::move(text)) : std::nullopt;
}

bool write_all(int file, std::string_view text) {
    while (!text.empty()) {
        const ssize_t wrote = write(file, text.data(), text.size());
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote <= 0) return false;
        text.remove_prefix(static_cast<std::size_t>(wrote));
    }
    return true;
}

/// Writes a file in place; 0 or an errno.
int write_in_place(const std::string& path, std::string_view text) {
    const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0644);
    if (file < 0) return errno;
    const bool written = write_all(file, text) && ftruncate(file, static_cast<off_t>(text.size())) == 0;
    const int code = written ? 0 : errno;
    close(file);
    return code;
}

/// Makes the folders of a path; 0 or an errno.
int make_folders(const std::string& path) {
    for (auto slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1)) {
        const auto folder = path.substr(0, slash);
        if (mkdir(folder.c_str(), 0755) == 0 || errno == EEXIST) continue;
        const int code = errno;
        // A read-only file system is reported before the folder that is there.
        if (struct stat info{}; stat(folder.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) return code;
    }
    return 0;
}

/// Replaces a file; 0 or an errno.
int replace(const std::string& path, std::string_view text) {
    if (const int code = make_folders(path); code != 0) return code;
    const std::string fresh = path + ".new";
    unlink(fresh.c_str());
    const int file = open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (file < 0) return errno;
    // lictor reads it again as another user, whatever the umask is.
    const bool written = write_all(file, text) && fchmod(file, 0644) == 0;
    int code = written ? 0 : errno;
    close(file);
    if (code == 0 && rename(fresh.c_str(), path.c_str()) != 0) code = errno;
    if (code != 0) unlink(fresh.c_str());
    return code;
}

Error cannot(const char* what, const std::string& path, int code, const std::string& remedy) {
    return Error{std::string("cannot ") + what + ' ' + printable(path, 200) + ": " + std::strerror(code) + "; " + remedy};
}

const char* write_remedy(int code) {
    return code == EACCES || code == EPERM
               ? "start as root (lictor itself changes to another user), or run the container with --dns 127.0.0.1 and give lictor its "
                 "upstreams as server= lines"
               : "run the container with --dns 127.0.0.1, and give lictor its upstreams as server= lines";
}

}  // namespace

ResolvConf::ResolvConf(std::string path, std::vector<std::string> copies) : path_(std::move(path)), copies_(std::move(copies)) {}

Result<bool> ResolvConf::find() {
    int code = 0;
    auto found = read_text(path_, code);
    if (!found && code != ENOENT)
        return cannot("read", path_, code, code == EFBIG ? "it is longer than 64 KiB; correct it" : "it must be a readable file");
    found_ = found.value_or("");
    std::optional<std::string> earlier;
    for (const auto& path : copies_)
        if (int ignored = 0; !earlier || earlier->empty()) earlier = read_text(path, ignored);
    engine_ = supervise::engine_text(found_, earlier);
    return true;
}

Result<bool> ResolvConf::keep() {
    int code = 0;
    for (const auto& path : copies_) {
        copy_ = path;
        code = replace(path, engine_);
        if (code == 0) return true;
    }
    return cannot("write", copies_.front(), code,
                  "name another file in LICTOR_KEPT, or give the container a folder that can be written (--tmpfs /run)");
}

bool ResolvConf::names_only(const std::string& nameserver) const {
    return !supervise::is_taken(found_) && supervise::names_only(found_, nameserver);
}

Result<bool> ResolvConf::can_be_taken() const {
    const int file = open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0644);
    if (file < 0) return cannot("write", path_, errno, write_remedy(errno));
    close(file);
    return true;
}

Result<bool> ResolvConf::take(const std::string& nameserver) const {
    const int code = write_in_place(path_, supervise::taken_text(engine_, nameserver));
    if (code != 0) return cannot("write", path_, code, write_remedy(code));
    return true;
}

Result<bool> ResolvConf::give_back() const {
    int code = 0;
    const auto found = read_text(path_, code);
    if (found && !supervise::is_taken(*found)) return true;  // somebody else has written it meanwhile
    code = write_in_place(path_, engine_);
    if (code != 0) return cannot("restore", path_, code, "the lines behind #= in it are the container engine's");
    return true;
}

}  // namespace lictor::init
