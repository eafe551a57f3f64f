// Keeps snapshot-file: reads it at the start, writes it while lictor runs. Written beside the old one, synced and renamed, on a thread of
// its own (a slow disk holds nobody up), every ten seconds at most, and once at the end. Control thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "conf/metrics.hpp"
#include "watch/background.hpp"
#include "watch/loop/loop.hpp"
#include "watch/snapshot.hpp"

namespace lictor {

/// Nothing if there is no file yet; an error if there is one that cannot be used.
Result<std::optional<Snapshot>> load_snapshot(const std::string& path);

class SnapshotKeeper {
public:
    /// `source` gives what is to be kept now; nothing while Consul is away or not read yet (the last good file stays).
    SnapshotKeeper(Loop& loop, std::string path, ControlCounters& counters, std::function<std::optional<Snapshot>()> source);
    /// Writes a last time, and waits for it.
    void finish();

private:
    struct Work;
    void look();
    void said(const Work& work);

    std::string path_;
    ControlCounters& counters_;
    std::function<std::optional<Snapshot>()> source_;
    Background background_;
    Timer timer_;
    bool writing_ = false, failed_ = false;
};

}  // namespace lictor
