// Follows files while lictor runs: resolv.conf, hosts files and directories, servers-file. Inode, size and times are compared once a
// second, so that a change of a bind-mounted file that is rewritten in place is noticed. Directories of `hostsdir` are also followed with
// inotify. Used on the control thread only.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "conf/disk/disk_files.hpp"
#include "conf/options/options.hpp"
#include "resolver/rules/followed_files.hpp"
#include "watch/loop/loop.hpp"

namespace lictor::control {

/// Call `adopt` before the loop runs.
class FollowedDisk {
public:
    /// `changed` is called on the loop when a content differs from what was read last, and by `on_interfaces`. `loop` must outlive this.
    FollowedDisk(loop::Loop& loop, std::function<void()> changed);
    /// Reads the files that the options name, now, and follows them from then on; does not call `changed`. A file that cannot be read is a
    /// note and is tried again. With no-poll resolv.conf is read only here, as dnsmasq does. The call may block the thread while the disk
    /// is read.
    void adopt(const conf::Options& options);
    /// Their contents. If resolv.conf is missing or names no server, its last content stays: a container engine may be rewriting it.
    /// The reference is to this object; the contents change before `changed` is called.
    const rules::FollowedFiles& files() const { return files_; }
    /// Notes of the last readings, for the log. The call empties the list.
    std::vector<std::string> take_notes() { return std::exchange(notes_, {}); }
    /// Queries to this upstream come back to lictor; kept until resolv.conf changes or the next `adopt`. False if that was known.
    bool on_loop(const Endpoint& upstream);
    /// Inputs of the Rules that are not files; they are kept in `files`. `changed` is not called.
    void set_servers_by_name(std::map<std::string, std::vector<Address>> servers) { files_.servers_by_name = std::move(servers); }
    void set_loop_token(std::uint64_t token) { files_.loop_token = token; }
    /// Reads the interface addresses again; calls `changed`, during the call, if they differ.
    void on_interfaces();

private:
    struct Seen {
        std::string path;
        bool resolv = false;
        std::string stamp;  ///< inode, size, times; empty = missing
    };
    void check();
    void read_all();
    void read_hosts(rules::FollowedFiles& fresh);
    void read_resolv(rules::FollowedFiles& fresh);
    void read_resolved(rules::FollowedFiles& fresh);
    void watch_folders();
    void note_folders(const std::vector<rules::FollowedFiles::Text>& before);
    static std::string stamp_of(const std::string& path);
    std::vector<std::string> hosts_paths() const;

    std::function<void()> changed_;
    conf::Options options_;
    rules::FollowedFiles files_;
    std::vector<Seen> seen_;
    std::vector<std::string> notes_;
    loop::Loop& loop_;
    loop::Timer timer_, soon_;
    std::vector<loop::HandleOf<uv_fs_event_t>> folders_;  ///< inotify watches of hostsdir
};

}  // namespace lictor::control
