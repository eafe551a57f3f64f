// The file: who may have written it, how it is replaced.
#include "resolver/snapshot_keeper.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "conf/log.hpp"

namespace lictor {
namespace {

constexpr milliseconds write_every = seconds(10);

struct File {
    explicit File(int opened) : fd(opened) {}
    ~File() {
        if (fd >= 0) ::close(fd);
    }
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    const int fd;
};

std::string reason(const char* step) { return std::string(step) + ": " + std::strerror(errno); }

/// Empty if it is done.
std::string replace_file(const std::string& path, const std::string& text) {
    const std::string fresh = path + ".new";
    File file(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (file.fd < 0) return reason("it cannot be written") + "; its folder must belong to the user that lictor becomes";
    for (std::size_t done = 0; done < text.size();) {
        const ssize_t more = ::write(file.fd, text.data() + done, text.size() - done);
        if (more < 0 && errno == EINTR) continue;
        if (more <= 0) return reason("write");
        done += static_cast<std::size_t>(more);
    }
    if (::fsync(file.fd) != 0) return reason("fsync");
    if (::rename(fresh.c_str(), path.c_str()) != 0) return reason("rename");
    return "";
}

std::string write_out(const std::string& path, const Snapshot& snapshot) {
    const auto text = write_snapshot(snapshot);
    return text ? replace_file(path, *text) : text.error().text;
}

}  // namespace

Result<std::optional<Snapshot>> load_snapshot(const std::string& path) {
    const auto refused = [&](const std::string& why) { return Error{"snapshot-file=" + path + ": " + why + "; it is not used, and written anew"}; };
    File file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (file.fd < 0) {
        if (errno == ENOENT) return std::optional<Snapshot>();
        return refused(reason("it cannot be read"));
    }
    struct stat facts{};
    if (::fstat(file.fd, &facts) != 0 || !S_ISREG(facts.st_mode)) return refused("it is no file");
    // Whoever can write it can lead applications elsewhere.
    if ((facts.st_uid != ::geteuid() && facts.st_uid != 0) || (facts.st_mode & 022) != 0) return refused("others than lictor's user can write it");
    if (static_cast<std::size_t>(facts.st_size) > snapshot_bytes_max + 4096) return refused("it is larger than 16 MB");
    std::string text(static_cast<std::size_t>(facts.st_size), '\0');
    for (std::size_t done = 0; done < text.size();) {
        const ssize_t more = ::read(file.fd, text.data() + done, text.size() - done);
        if (more < 0 && errno == EINTR) continue;
        if (more <= 0) return refused("it cannot be read to its end");
        done += static_cast<std::size_t>(more);
    }
    auto snapshot = read_snapshot(text);
    if (!snapshot) return refused(snapshot.error().text);
    return std::optional<Snapshot>(*std::move(snapshot));
}

struct SnapshotKeeper::Work {
    Snapshot snapshot;
    std::string trouble;
};

SnapshotKeeper::SnapshotKeeper(Loop& loop, std::string path, ControlCounters& counters, std::function<std::optional<Snapshot>()> source)
    : path_(std::move(path)), counters_(counters), source_(std::move(source)), background_(loop), timer_(loop, [this] { look(); }) {
    timer_.repeat(write_every);
}

void SnapshotKeeper::look() {
    if (writing_) return;
    auto snapshot = source_();
    if (!snapshot) return;
    writing_ = true;
    const auto work = std::make_shared<Work>(Work{*std::move(snapshot), {}});
    background_.run([work, path = path_] { work->trouble = write_out(path, work->snapshot); },
                    [this, work] {
                        writing_ = false;
                        said(*work);
                    });
}

void SnapshotKeeper::said(const Work& work) {
    if (work.trouble.empty()) {
        counters_.snapshot_writes.add();
        failed_ = false;
        return;
    }
    counters_.snapshot_failures.add();
    if (!std::exchange(failed_, true)) log::warning("snapshot-file=" + log::printable(path_) + ": " + work.trouble);
}

void SnapshotKeeper::finish() {
    timer_.stop();
    if (writing_) return;  // a moment ago is as good
    if (const auto snapshot = source_()) said({{}, write_out(path_, *snapshot)});
}

}  // namespace lictor
