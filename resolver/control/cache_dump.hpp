// Writes the table that USR1 logs below the statistics if queries are logged: local data first, then each worker's cache when it arrives.
// 64 lines are written every 10 ms, so that the log's bounded queue keeps room for other lines.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "resolver/forward/cache_table.hpp"
#include "watch/loop/guarded.hpp"
#include "watch/loop/loop.hpp"

namespace lictor::control {

/// One table at a time.
class CacheDump {
public:
    /// Bound for the rows of local data, and for those of each worker's cache.
    static constexpr std::size_t rows_max = 1000;

    /// `loop` must outlive this object.
    explicit CacheDump(loop::Loop& loop);
    /// Control thread: begins a table. Lines of an earlier one that are not written yet are dropped.
    void begin(const rules::LocalData& local);
    /// Adds the rows of one worker. May be called by any thread. The rows are dropped if `rows_max` rows or more wait to be written. Does
    /// not block.
    void take(std::vector<forward::TableRow> rows);

private:
    void write();

    loop::Timer timer_;
    loop::Wake wake_;
    std::deque<std::string> lines_;
    loop::Guarded<std::vector<forward::TableRow>> taken_;
};

}  // namespace lictor::control
