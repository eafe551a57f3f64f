// Writes /history.
#include "resolver/documents/history.hpp"

#include <algorithm>

#include "resolver/documents/json_writer.hpp"

namespace lictor::documents {

void History::add(const HistorySample& sample, Now now) {
    const auto second = std::chrono::duration_cast<seconds>(now).count();
    if (!due(now)) return;
    // The first point has what happened since the start.
    const auto passed = second_ >= 0 ? second - second_ : 1;
    const auto rate = [&](std::uint64_t HistorySample::*field) {
        const auto from = before_.*field, to = sample.*field;
        return static_cast<float>(static_cast<double>(to > from ? to - from : 0) / static_cast<double>(passed));
    };
    const Point point{rate(&HistorySample::queries),
                      rate(&HistorySample::failures),
                      rate(&HistorySample::cache_hits),
                      rate(&HistorySample::cache_misses),
                      rate(&HistorySample::held),
                      static_cast<float>(sample.waiting),
                      static_cast<float>(static_cast<double>(sample.rtt.count()) / 1000.0)};
    const auto count = std::min<std::int64_t>(passed, points_max);
    for (std::int64_t i = 0; i < count; ++i) {
        points_[next_] = point;
        next_ = (next_ + 1) % points_max;
    }
    total_ += static_cast<std::uint64_t>(passed);
    size_ = std::min(points_max, size_ + static_cast<std::size_t>(count));
    second_ = second;
    before_ = sample;
}

std::string History::json(std::size_t last, Now now, std::int64_t unix_now) const {
    static constexpr std::array<const char*, series_count> names = {"queries", "failures", "cache_hits", "cache_misses",
                                                                    "held",    "waiting",  "rtt_ms"};
    const std::size_t count = std::min(last, size_);
    const auto at = std::chrono::duration_cast<seconds>(now).count();
    JsonWriter json;
    json.open_object();
    json.field("step_seconds", 1);
    json.field("points_max", points_max);
    json.field("points", count);
    json.field("points_total", total_);
    json.key("last_unix");
    if (size_ > 0) json.number(unix_now - (at - second_));
    else json.null();
    for (std::size_t series = 0; series < series_count; ++series) {
        json.key(names[series]).open_list();
        for (std::size_t i = count; i > 0; --i) {
            const float value = points_[(next_ + points_max - i) % points_max][series];
            if (series == rtt_ms && value <= 0) json.null();
            else json.decimal(static_cast<double>(value));
        }
        json.close_list();
    }
    json.close_object();
    return json.take();
}

}  // namespace lictor::documents
