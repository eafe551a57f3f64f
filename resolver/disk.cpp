// stat and read: nothing is parsed here.
#include "resolver/disk.hpp"

#include <sys/stat.h>

namespace lictor {

FollowedDisk::FollowedDisk(Loop& loop, std::function<void()> changed) : changed_(std::move(changed)), timer_(loop, [this] { check(); }) {
    timer_.repeat(milliseconds(1000));
}

std::string FollowedDisk::stamp_of(const std::string& path) {
    struct stat info{};
    if (stat(path.c_str(), &info) != 0) return {};
    return std::to_string(info.st_dev) + ':' + std::to_string(info.st_ino) + ':' + std::to_string(info.st_size) + ':' +
           std::to_string(info.st_mtim.tv_sec) + '.' + std::to_string(info.st_mtim.tv_nsec) + ':' + std::to_string(info.st_ctim.tv_sec) + '.' +
           std::to_string(info.st_ctim.tv_nsec);
}

std::vector<std::string> FollowedDisk::hosts_paths() const {
    std::vector<std::string> paths;
    if (!options_.no_hosts) paths.emplace_back("/etc/hosts");
    for (const auto& path : options_.addn_hosts) {
        const auto names = DiskFiles().list(path);
        if (!names) {
            paths.push_back(path);
            continue;
        }
        for (const auto& name : *names)
            if (!name.starts_with('.') && !name.ends_with('~') && !(name.starts_with('#') && name.ends_with('#'))) paths.push_back(path + '/' + name);
    }
    return paths;
}

void FollowedDisk::adopt(const Options& options) {
    options_ = options;
    read_all();
}

void FollowedDisk::read_all() {
    FollowedFiles fresh;
    seen_.clear();
    for (const auto& path : hosts_paths()) {
        seen_.push_back({path, false, stamp_of(path)});
        auto file = DiskFiles().read(path);
        if (file) fresh.hosts.push_back({path, std::move(file->text)});
        else notes_.push_back("failed to load names from " + path + ": " + file.error().text);
    }
    if (!options_.no_resolv) {
        auto paths = options_.resolv_file.empty() ? std::vector<std::string>{"/etc/resolv.conf"} : options_.resolv_file;
        // dnsmasq's rule for several: the newest one counts.
        std::string newest;
        timespec newest_at{};
        for (const auto& path : paths) {
            seen_.push_back({path, true, stamp_of(path)});
            struct stat info{};
            if (stat(path.c_str(), &info) != 0) continue;
            const auto later = [](const timespec& a, const timespec& b) { return a.tv_sec != b.tv_sec ? a.tv_sec > b.tv_sec : a.tv_nsec > b.tv_nsec; };
            if (newest.empty() || later(info.st_mtim, newest_at)) {
                newest = path;
                newest_at = info.st_mtim;
            }
        }
        Result<FileSource::File> file = newest.empty() ? Result<FileSource::File>(Error{"no such file"}) : DiskFiles().read(newest);
        if (file && file->text.find("nameserver") != std::string::npos) {
            fresh.resolv.push_back({newest, std::move(file->text)});
        } else {
            notes_.push_back(file ? "no servers found in " + newest + ", will retry"
                                  : "failed to read " + (newest.empty() ? paths.front() : newest) + ": " + file.error().text);
            fresh.resolv = files_.resolv;
        }
    }
    files_ = std::move(fresh);
}

void FollowedDisk::check() {
    bool same = true;
    for (const auto& seen : seen_) same = same && stamp_of(seen.path) == seen.stamp;
    std::size_t hosts_seen = 0;
    for (const auto& seen : seen_) hosts_seen += seen.resolv ? 0 : 1;
    if (same && hosts_paths().size() == hosts_seen) return;
    const FollowedFiles before = files_;
    read_all();
    const auto texts = [](const std::vector<FollowedFiles::Text>& list) {
        std::string all;
        for (const auto& text : list) all += text.path + '\0' + text.text + '\0';
        return all;
    };
    if (texts(before.hosts) != texts(files_.hosts) || texts(before.resolv) != texts(files_.resolv)) changed_();
    else notes_.clear();  // nobody takes these, and a file that is touched again and again must not gather them
}

}  // namespace lictor
