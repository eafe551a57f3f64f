// Does the history have a point for each second, in order, of bounded number, from counters alone?
#include "resolver/documents/history.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

using namespace lictor;
using namespace lictor::documents;
using Json = nlohmann::json;

namespace {

Json read(const History& history, std::size_t last, Now now) { return Json::parse(history.json(last, now, 1'700'000'000)); }

}  // namespace

TEST_CASE("history: the first point has what happened since the start") {
    History history;
    CHECK(read(history, 600, seconds(5))["points"] == 0);
    CHECK(read(history, 600, seconds(5))["last_unix"].is_null());
    CHECK(history.due(seconds(0)));
    history.add({.queries = 1000}, seconds(5));
    CHECK(read(history, 600, seconds(5))["queries"] == Json{1000.0});
    CHECK_FALSE(history.due(milliseconds(5900)));
    CHECK(history.due(seconds(6)));
}

TEST_CASE("history: differences of counters, and gauges as they are") {
    History history;
    history.add({.queries = 100, .failures = 1, .cache_hits = 10, .cache_misses = 5, .held = 2, .waiting = 7}, seconds(5));
    history.add({.queries = 110, .failures = 3, .cache_hits = 14, .cache_misses = 6, .held = 2, .waiting = 4, .rtt = microseconds(1500)},
                milliseconds(6100));
    history.add({.queries = 999}, milliseconds(6900));  // the same second
    history.add({.queries = 110, .failures = 3, .cache_hits = 14, .cache_misses = 6, .held = 5}, seconds(7));
    const auto found = read(history, 600, seconds(9));
    CHECK(found["queries"] == Json{100.0, 10.0, 0.0});
    CHECK(found["failures"] == Json{1.0, 2.0, 0.0});
    CHECK(found["cache_hits"] == Json{10.0, 4.0, 0.0});
    CHECK(found["cache_misses"] == Json{5.0, 1.0, 0.0});
    CHECK(found["held"] == Json{2.0, 0.0, 3.0});
    CHECK(found["waiting"] == Json{7.0, 4.0, 0.0});
    CHECK(found["rtt_ms"] == Json{nullptr, 1.5, nullptr});
    CHECK(found["points"] == 3);
    CHECK(found["points_total"] == 3);
    CHECK(found["last_unix"] == 1'700'000'000 - 2);
    CHECK(read(history, 1, seconds(9))["held"] == Json::array({3.0}));
}

TEST_CASE("history: a late sample gives each second the mean; ten minutes are kept") {
    History history;
    history.add({}, seconds(10));
    history.add({.queries = 40}, seconds(14));
    CHECK(read(history, 600, seconds(14))["queries"] == Json{0.0, 10.0, 10.0, 10.0, 10.0});
    for (unsigned i = 1; i <= 700; ++i) history.add({.queries = 40 + i}, seconds(14 + i));
    auto found = read(history, 10'000, seconds(714));
    CHECK(found["points"] == 600);
    CHECK(found["queries"].size() == 600);
    CHECK(found["points_total"] == 705);
    CHECK(found["queries"] == Json(std::vector<double>(600, 1.0)));
    // The machine slept for a day.
    history.add({.queries = 740}, seconds(714 + 86'400));
    found = read(history, 600, seconds(714 + 86'400));
    CHECK(found["queries"] == Json(std::vector<double>(600, 0.0)));
    CHECK(found["points_total"] == 705 + 86'400);
    // Counters that fell give no negative number.
    history.add({.queries = 3}, seconds(714 + 86'401));
    CHECK(read(history, 1, seconds(714 + 86'401))["queries"] == Json::array({0.0}));
}
