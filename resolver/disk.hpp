// The files that are followed while running (resolv.conf, hosts files): by inode, size and times, looked at about once a second, so that a
// bind-mounted file rewritten in place is noticed as well.
#pragma once

#include <functional>
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

private:
    struct Seen {
        std::string path;
        bool resolv = false;
        std::string stamp;     ///< inode, size, times; empty = missing
    };
    void read_all();
    static std::string stamp_of(const std::string& path);
    std::vector<std::string> hosts_paths() const;

    std::function<void()> changed_;
    Options options_;
    FollowedFiles files_;
    std::vector<Seen> seen_;
    std::vector<std::string> notes_;
    Timer timer_;
};

}  // namespace lictor
