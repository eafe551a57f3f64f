// Decides whether a snapshot file is trusted, and replaces it.
#include "resolver/control/snapshot_keeper.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "conf/base/printable.hpp"
#include "conf/log/log.hpp"
#include "conf/metrics/metrics.hpp"

namespace lictor::control {
namespace {

constexpr milliseconds write_every = seconds(10), finish_within{500};

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

/// Writes the text to the new file `fresh`. Gives the error; empty if done.
std::string write_file(const std::string& fresh, const std::string& text) {
    File file(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (file.fd < 0) return reason("it cannot be written") + "; its directory must belong to the user that lictor becomes";
    for (std::size_t done = 0; done < text.size();) {
        const ssize_t more = ::write(file.fd, text.data() + done, text.size() - done);
        if (more < 0 && errno == EINTR) continue;
        if (more <= 0) return reason("write");
        done += static_cast<std::size_t>(more);
    }
    if (::fsync(file.fd) != 0) return reason("fsync");
    return "";
}

/// Gives the error; empty if done. After an error the old file stays, and nothing of the new one: it would keep a full disk full.
std::string replace_file(const std::string& path, const std::string& text) {
    const std::string fresh = path + ".new";
    auto trouble = write_file(fresh, text);
    if (trouble.empty() && ::rename(fresh.c_str(), path.c_str()) != 0) trouble = reason("rename");
    if (!trouble.empty()) ::unlink(fresh.c_str());
    return trouble;
}

std::string write_out(const std::string& path, const catalog::Snapshot& snapshot) {
    const auto text = catalog::write_snapshot(snapshot);
    return text ? replace_file(path, *text) : text.error().text;
}

/// Nothing if there is no file; an error if there is one that cannot be used.
Result<std::optional<catalog::Snapshot>> load_snapshot(const std::string& path) {
    const auto refused = [&](const std::string& why) {
        return Error{"snapshot-file=" + path + ": " + why + "; it is ignored and will be replaced"};
    };
    File file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (file.fd < 0) {
        if (errno == ENOENT) return std::optional<catalog::Snapshot>();
        return refused(reason("it cannot be read"));
    }
    struct stat facts {};
    if (::fstat(file.fd, &facts) != 0 || !S_ISREG(facts.st_mode)) return refused("it is not a regular file");
    // Who can write this file can direct applications to other servers.
    if ((facts.st_uid != ::geteuid() && facts.st_uid != 0) || (facts.st_mode & 022) != 0)
        return refused("users other than lictor's can write it");
    if (static_cast<std::size_t>(facts.st_size) > catalog::snapshot_bytes_max + 4096) return refused("it is larger than 16 MB");
    std::string text(static_cast<std::size_t>(facts.st_size), '\0');
    for (std::size_t done = 0; done < text.size();) {
        const ssize_t more = ::read(file.fd, text.data() + done, text.size() - done);
        if (more < 0 && errno == EINTR) continue;
        if (more <= 0) return refused("it cannot be read to its end");
        done += static_cast<std::size_t>(more);
    }
    auto snapshot = catalog::read_snapshot(text);
    if (!snapshot) return refused(snapshot.error().text);
    return std::optional<catalog::Snapshot>(*std::move(snapshot));
}

}  // namespace

std::shared_ptr<const catalog::Snapshot> load_snapshot_or_warn(const std::string& path, metrics::ControlCounters& counters,
                                                               std::int64_t now_unix) {
    auto loaded = load_snapshot(path);
    if (!loaded) {
        counters.snapshot_failures.add();
        log::warning(loaded.error().text);
    }
    if (!loaded || !*loaded) return nullptr;
    auto snapshot = std::make_shared<const catalog::Snapshot>(*std::move(*loaded));
    log::info("snapshot of " + std::to_string(std::max<std::int64_t>(0, now_unix - snapshot->contact_unix)) + " s ago: " +
              std::to_string(snapshot->services.size()) + " services, " + std::to_string(snapshot->leaders.size()) + " leaders");
    return snapshot;
}

struct SnapshotKeeper::Work {
    catalog::Snapshot snapshot;
    std::string trouble;

    /// On any thread. Lack of memory is a trouble like others.
    void write_to(const std::string& path) {
        try {
            trouble = write_out(path, snapshot);
        } catch (const std::bad_alloc&) {
            trouble = "no memory";  // short enough to need none
        }
    }
};

SnapshotKeeper::SnapshotKeeper(loop::Loop& loop, std::string path, metrics::ControlCounters& counters,
                               std::function<std::optional<catalog::Snapshot>()> source)
    : path_(std::move(path)), counters_(counters), source_(std::move(source)), background_(loop), timer_(loop, [this] { write(); }) {
    timer_.repeat(write_every);
}

void SnapshotKeeper::write() {
    if (writing_) return;
    auto snapshot = source_();
    if (!snapshot) return;
    const auto work = std::make_shared<Work>(Work{*std::move(snapshot), {}});
    background_.run([work, path = path_] { work->write_to(path); },
                    [this, work] {
                        writing_.reset();
                        on_written(*work);
                    });
    writing_ = work;  // the second function runs later, on this thread
}

void SnapshotKeeper::on_written(const Work& work) {
    if (work.trouble.empty()) {
        counters_.snapshot_writes.add();
        failed_ = false;
        return;
    }
    counters_.snapshot_failures.add();
    if (!std::exchange(failed_, true)) log::warning("snapshot-file=" + printable(path_) + ": " + work.trouble);
}

bool SnapshotKeeper::finish() {
    timer_.stop();
    try {
        write();  // or the file being written is recent enough
    } catch (const std::bad_alloc&) {
        counters_.snapshot_failures.add();
    }
    if (background_.idle_within(finish_within)) {
        if (writing_) on_written(*writing_);
        return true;
    }
    log::warning("snapshot-file=" + printable(path_) + ": the disk does not end a write; the file stays as it was");
    return false;
}

}  // namespace lictor::control
