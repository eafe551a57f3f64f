// Calls stat(2) and reads files. It parses nothing, except to count names for the log.
#include "resolver/control/disk.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "resolver/control/interfaces.hpp"
#include "resolver/rules/hosts_file.hpp"
#include "resolver/rules/resolv_conf.hpp"

namespace lictor::control {
namespace {

constexpr milliseconds folder_settling = milliseconds(20);  // an editor writes, renames and removes: one check for all of it

}  // namespace

FollowedDisk::FollowedDisk(loop::Loop& loop, std::function<void()> changed)
    : changed_(std::move(changed)), loop_(loop), timer_(loop, [this] { check(); }), soon_(loop, [this] { check(); }) {
    timer_.repeat(milliseconds(1000));
}

std::string FollowedDisk::stamp_of(const std::string& path) {
    struct stat info {};
    if (stat(path.c_str(), &info) != 0) return {};
    return std::to_string(info.st_dev) + ':' + std::to_string(info.st_ino) + ':' + std::to_string(info.st_size) + ':' +
           std::to_string(info.st_mtim.tv_sec) + '.' + std::to_string(info.st_mtim.tv_nsec) + ':' + std::to_string(info.st_ctim.tv_sec) +
           '.' + std::to_string(info.st_ctim.tv_nsec);
}

std::vector<std::string> FollowedDisk::hosts_paths() const {
    std::vector<std::string> paths;
    if (!options_.no_hosts) paths.emplace_back("/etc/hosts");
    const auto add = [&](const std::string& path) {
        const auto names = disk::DiskFiles().list(path);
        if (!names) {
            paths.push_back(path);
            return;
        }
        for (const auto& name : *names)
            if (!name.starts_with('.') && !name.ends_with('~') && !(name.starts_with('#') && name.ends_with('#')))
                paths.push_back(path + '/' + name);
    };
    // dnsmasq's order: if several files name one address, the file that is configured last wins.
    for (auto path = options_.addn_hosts.rbegin(); path != options_.addn_hosts.rend(); ++path) add(*path);
    for (const auto& path : options_.hostsdir) add(path);
    return paths;
}

void FollowedDisk::adopt(const conf::Options& options) {
    options_ = options;
    files_.looping.clear();  // probed again
    watch_folders();
    read_all();
}

/// inotify reports changes at once; the check once a second finds what it misses.
void FollowedDisk::watch_folders() {
    folders_.clear();
    for (const auto& path : options_.hostsdir) {
        loop::HandleOf<uv_fs_event_t> folder;
        folder.open([this](int) { soon_.start(folder_settling); },
                    [&](uv_fs_event_t* handle) { return uv_fs_event_init(loop_.raw(), handle); });
        const auto on_event = [](uv_fs_event_t* handle, const char*, int, int) { loop::HandleOf<uv_fs_event_t>::fire(handle, 0); };
        if (folder && uv_fs_event_start(folder.raw(), on_event, path.c_str(), 0) == 0) folders_.push_back(std::move(folder));
        else notes_.push_back("hostsdir=" + path + ": the kernel does not report changes there; it is checked once a second");
    }
}

bool FollowedDisk::on_loop(const Endpoint& upstream) {
    if (std::find(files_.looping.begin(), files_.looping.end(), upstream) != files_.looping.end()) return false;
    files_.looping.push_back(upstream);
    return true;
}

void FollowedDisk::on_interfaces() {
    const auto before = std::exchange(files_.interfaces, read_interfaces());
    if (before != files_.interfaces) changed_();
}

void FollowedDisk::read_hosts(rules::FollowedFiles& fresh) {
    for (const auto& path : hosts_paths()) {
        seen_.push_back({path, false, stamp_of(path)});
        auto file = disk::DiskFiles().read(path);
        if (file) fresh.hosts.push_back({path, std::move(file->text)});
        else notes_.push_back("failed to load names from " + path + ": " + file.error().text);
    }
}

/// The servers of systemd-resolved, if it runs here and knows one.
void FollowedDisk::read_resolved(rules::FollowedFiles& fresh) {
    const std::string path(rules::resolved_servers_path);
    if (!options_.no_poll) seen_.push_back({path, true, stamp_of(path)});
    auto file = disk::DiskFiles().read(path);
    std::vector<std::string> ignored;
    if (file && !rules::parse_resolv_conf(file->text, path, ignored).empty())
        fresh.resolved = rules::FollowedFiles::Text{path, std::move(file->text)};
}

void FollowedDisk::read_resolv(rules::FollowedFiles& fresh) {
    auto paths = options_.resolv_file.empty() ? std::vector<std::string>{"/etc/resolv.conf"} : options_.resolv_file;
    // dnsmasq's rule for several files: the newest one is used.
    std::string newest;
    timespec newest_at{};
    for (const auto& path : paths) {
        if (!options_.no_poll) seen_.push_back({path, true, stamp_of(path)});
        struct stat info {};
        if (stat(path.c_str(), &info) != 0) continue;
        const auto later = [](const timespec& a, const timespec& b) {
            return a.tv_sec != b.tv_sec ? a.tv_sec > b.tv_sec : a.tv_nsec > b.tv_nsec;
        };
        if (newest.empty() || later(info.st_mtim, newest_at)) {
            newest = path;
            newest_at = info.st_mtim;
        }
    }
    if (options_.resolv_file.empty()) read_resolved(fresh);
    Result<conf::FileSource::File> file =
        newest.empty() ? Result<conf::FileSource::File>(Error{"no such file"}) : disk::DiskFiles().read(newest);
    std::vector<std::string> ignored;  // make_rules parses the text again and makes the notes
    if (file && !rules::parse_resolv_conf(file->text, newest, ignored).empty()) {
        fresh.resolv.push_back({newest, std::move(file->text)});
    } else {
        notes_.push_back(file ? "no servers found in " + newest + ", will retry"
                              : "failed to access " + (newest.empty() ? paths.front() : newest) + ": " + file.error().text);
        fresh.resolv = files_.resolv;
    }
}

void FollowedDisk::read_all() {
    rules::FollowedFiles fresh;
    seen_.clear();
    read_hosts(fresh);
    // With no-poll it is read only by `adopt`, at the start and at HUP.
    if (!options_.no_resolv) read_resolv(fresh);
    if (!options_.servers_file.empty()) {
        seen_.push_back({options_.servers_file, true, stamp_of(options_.servers_file)});
        auto file = disk::DiskFiles().read(options_.servers_file);
        if (file) fresh.servers = rules::FollowedFiles::Text{options_.servers_file, std::move(file->text)};
        else notes_.push_back("failed to read servers-file " + options_.servers_file + ": " + file.error().text);
    }
    fresh.interfaces = read_interfaces();
    fresh.loop_token = files_.loop_token;
    fresh.looping = files_.looping;
    std::array<char, 256> name{};
    if (gethostname(name.data(), name.size() - 1) == 0) fresh.host_name = name.data();
    files_ = std::move(fresh);
}

/// Notes, in dnsmasq's words, of files that came, changed or went in directories of hostsdir.
void FollowedDisk::note_folders(const std::vector<rules::FollowedFiles::Text>& before) {
    const auto in_folder = [&](const std::string& path) {
        return std::any_of(options_.hostsdir.begin(), options_.hostsdir.end(),
                           [&](const std::string& folder) { return path.starts_with(folder + '/'); });
    };
    const auto same_path = [](const std::vector<rules::FollowedFiles::Text>& list, const std::string& path) {
        return std::find_if(list.begin(), list.end(), [&](const auto& file) { return file.path == path; });
    };
    const auto note_flushed = [&](const rules::FollowedFiles::Text& file) {
        std::vector<std::string> ignored;
        std::size_t names = 0;
        for (const auto& line : rules::parse_hosts(file.text, file.path, ignored)) names += line.names.size();
        notes_.push_back("inotify: flushed " + std::to_string(names) + " names read from " + file.path);
    };
    for (const auto& file : files_.hosts) {
        const auto old = same_path(before, file.path);
        if (!in_folder(file.path) || (old != before.end() && old->text == file.text)) continue;
        notes_.push_back("inotify: " + file.path + " new or modified");
        if (old != before.end()) note_flushed(*old);
    }
    for (const auto& file : before) {
        if (!in_folder(file.path) || same_path(files_.hosts, file.path) != files_.hosts.end()) continue;
        notes_.push_back("inotify: " + file.path + " removed");
        note_flushed(file);
    }
}

void FollowedDisk::check() {
    bool same = true;
    for (const auto& seen : seen_) same = same && stamp_of(seen.path) == seen.stamp;
    std::size_t hosts_seen = 0;
    for (const auto& seen : seen_) hosts_seen += seen.resolv ? 0 : 1;
    if (same && hosts_paths().size() == hosts_seen) return;
    const rules::FollowedFiles before = files_;
    read_all();
    if (options_.no_poll) files_.resolv = before.resolv, files_.resolved = before.resolved;
    const auto texts = [](const std::vector<rules::FollowedFiles::Text>& list) {
        std::string all;
        for (const auto& text : list) all += text.path + '\0' + text.text + '\0';
        return all;
    };
    const auto text = [](const std::optional<rules::FollowedFiles::Text>& file) { return file ? file->text : std::string(); };
    note_folders(before.hosts);
    const bool nameservers = texts(before.resolv) != texts(files_.resolv) || text(before.resolved) != text(files_.resolved);
    if (nameservers) files_.looping.clear();  // probed again
    if (nameservers || texts(before.hosts) != texts(files_.hosts) || text(before.servers) != text(files_.servers)) changed_();
    else notes_.clear();  // take_notes is not called without a change: drop the notes, so that the list stays bounded
}

}  // namespace lictor::control
