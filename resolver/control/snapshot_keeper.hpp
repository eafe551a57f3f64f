// Reads snapshot-file at the start, and writes it at most every ten seconds while lictor runs, and once at the end. A new file is written
// beside the old one, synced and renamed on a separate thread, so that a slow disk does not block the loop. Used on the control thread
// only.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "conf/metrics/metrics_fwd.hpp"
#include "watch/catalog/snapshot.hpp"
#include "watch/loop/background_thread.hpp"
#include "watch/loop/loop.hpp"

namespace lictor::control {

/// The snapshot of an earlier run; null if there is no file, or if it cannot be used, which is logged and counted. Refused are symbolic
/// links, files larger than 16 MB and files that users other than root and lictor's own can write. `now_unix`: seconds, for the log.
/// The call may block the thread while the disk is used.
std::shared_ptr<const catalog::Snapshot> load_snapshot_or_warn(const std::string& path, metrics::ControlCounters& counters,
                                                               std::int64_t now_unix);

/// A failed write is counted; the first of a row is logged, and the old file stays.
class SnapshotKeeper {
public:
    /// `source` gives the snapshot to write; nothing while Consul is not in contact or not read yet (the last file stays).
    /// Called on the loop and by `finish`. The file is PATH, its new content PATH.new until then, mode 0600.
    SnapshotKeeper(loop::Loop& loop, std::string path, metrics::ControlCounters& counters,
                   std::function<std::optional<catalog::Snapshot>()> source);
    /// Stops the timer and writes once more, unless a write is under way. Blocks for half a second at most; false if the write goes on
    /// then, because the disk is stuck: the file stays as it was, and the destructor would wait for the disk.
    bool finish();

private:
    struct Work;
    void write();
    void on_written(const Work& work);

    std::string path_;
    metrics::ControlCounters& counters_;
    std::function<std::optional<catalog::Snapshot>()> source_;
    loop::Background background_;
    loop::Timer timer_;
    std::shared_ptr<Work> writing_;  ///< null: no write is under way
    bool failed_ = false;
};

}  // namespace lictor::control
