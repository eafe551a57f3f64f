// Rows are formatted here and not in the pure part, because the lines contain local time.
#include "resolver/control/cache_dump.hpp"

#include <array>
#include <ctime>
#include <utility>

#include "conf/log/log.hpp"

namespace lictor::control {
namespace {

constexpr std::size_t lines_at_once = 64;
constexpr milliseconds pause = milliseconds(10);

/// As ctime() writes it, without its line end.
std::string time_text(std::int64_t unix_seconds) {
    const auto when = static_cast<std::time_t>(unix_seconds);
    std::tm parts{};
    std::array<char, 32> text{};
    localtime_r(&when, &parts);
    return {text.data(), std::strftime(text.data(), text.size(), "%a %b %e %H:%M:%S %Y", &parts)};
}

std::string line_of(const forward::TableRow& row) {
    return forward::table_line(row, row.expires_unix ? time_text(*row.expires_unix) : std::string());
}

}  // namespace

CacheDump::CacheDump(loop::Loop& loop) : timer_(loop, [this] { write(); }), wake_(loop, [this] { write(); }) {}

void CacheDump::begin(const rules::LocalData& local) {
    lines_.clear();
    for (auto& line : forward::table_head()) lines_.push_back(std::move(line));
    const auto rows = forward::local_rows(local, rows_max);
    for (const auto& row : rows) lines_.push_back(line_of(row));
    if (rows.size() == rows_max) lines_.push_back("the first " + std::to_string(rows_max) + " names of local data");
    write();
}

void CacheDump::take(std::vector<forward::TableRow> rows) {
    {
        const auto taken = taken_.lock();
        if (taken->size() < rows_max)
            taken->insert(taken->end(), std::make_move_iterator(rows.begin()), std::make_move_iterator(rows.end()));
    }
    wake_.send();
}

void CacheDump::write() {
    const auto taken = taken_.take();
    for (const auto& row : taken) lines_.push_back(line_of(row));
    if (taken.size() >= rows_max) lines_.push_back("the " + std::to_string(taken.size()) + " rows of the cache that were used last");
    for (std::size_t i = 0; i < lines_at_once && !lines_.empty(); ++i) {
        log::info(lines_.front());
        lines_.pop_front();
    }
    if (!lines_.empty()) timer_.start(pause);
}

}  // namespace lictor::control
