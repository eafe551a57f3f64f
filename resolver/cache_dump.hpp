// The table that USR1 writes below the statistics where questions are logged: local data at once, each worker's cache as it hands it
// over. Some lines at a time, so that the log's queue, which serves everything else as well, has room for them.
#pragma once

#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "resolver/core/cache_table.hpp"
#include "watch/loop/loop.hpp"

namespace lictor {

class CacheDump {
public:
    /// Rows of local data, and of each worker's cache, in one table.
    static constexpr std::size_t rows_max = 1000;

    explicit CacheDump(Loop& loop);
    /// Control thread: the table begins. What of an earlier one is not written yet is left out.
    void begin(const LocalData& local);
    /// Any thread: a worker's rows.
    void take(std::vector<TableRow> rows);

private:
    void write();

    Timer timer_;
    Wake wake_;
    std::deque<std::string> lines_;
    std::mutex mutex_;                 ///< guards what follows
    std::vector<TableRow> taken_;
};

}  // namespace lictor
