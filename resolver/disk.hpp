// The files that are followed while running (resolv.conf, hosts files and folders, servers-file): by inode, size and times, looked at about
// once a second, so that a bind-mounted file rewritten in place is noticed as well; folders of `hostsdir` also by inotify, at once.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "conf/options.hpp"
#include "conf/disk_files.hpp"
#include "resolver/core/rules.hpp"
#include "watch/loop/loop.hpp"

namespace lictor {

class FollowedDisk {
public:
    /// `changed` is called on the loop when any content differs from what was read last.
    FollowedDisk(Loop& loop, std::function<void()> changed);
    /// Which files the options name; reads them now.
    void adopt(const Options& options);
    /// What they say. An empty or missing resolv.conf keeps what was read before (a container engine may be rewriting it).
    const FollowedFiles& files() const { return files_; }
    /// Problems met while reading, for the log; emptied by the call.
    std::vector<std::string> take_notes() { return std::exchange(notes_, {}); }
    void check();
    /// dns-loop-detect: an upstream leads back to us; false if that was known.
    bool on_loop(const Endpoint& upstream);
    void set_servers_by_name(std::map<std::string, std::vector<Address>> servers) { files_.servers_by_name = std::move(servers); }
    void set_loop_token(std::uint64_t token) { files_.loop_token = token; }
    /// An interface or address came or went.
    void on_interfaces();

private:
    struct Seen {
        std::string path;
        bool resolv = false;
        std::string stamp;     ///< inode, size, times; empty = missing
    };
    void read_all();
    void read_hosts(FollowedFiles& fresh);
    void read_resolv(FollowedFiles& fresh);
    void watch_folders();
    void note_folders(const std::vector<FollowedFiles::Text>& before);
    static std::string stamp_of(const std::string& path);
    std::vector<std::string> hosts_paths() const;

    std::function<void()> changed_;
    Options options_;
    FollowedFiles files_;
    std::vector<Seen> seen_;
    std::vector<std::string> notes_;
    Loop& loop_;
    Timer timer_, soon_;
    std::vector<HandleOf<uv_fs_event_t>> folders_;   ///< hostsdir, told by inotify
};

}  // namespace lictor
