// Renders /failovers: one line for each change, its phases in order of time with a mark for each, and the counts.
#include <algorithm>

#include "resolver/failover/failovers.hpp"
#include "resolver/terminal/format.hpp"
#include "resolver/terminal/render.hpp"

namespace lictor::terminal {

namespace {

constexpr std::size_t picture_columns = 50;
constexpr std::size_t records_shown_max = 64;

std::string leader_text(const Json& place) {
    const auto name = words(member(place, "member")), address = words(member(place, "address"));
    return name == "-" && address == "-" ? "none" : name + " (" + address + ':' + words(member(place, "port")) + ')';
}

struct Step {
    double at;
    std::string what;
};

std::vector<Step> steps_of(const Json& record) {
    std::vector<Step> steps;
    for (std::size_t i = 0; i < failover::failover_phases; ++i) {
        const auto phase = static_cast<failover::FailoverPhase>(i);
        if (const auto& at = member(record, "phases_ms", failover::word(phase)); at.is_number())
            steps.push_back({std::max(0.0, number(at)), failover::sentence(phase)});
    }
    std::stable_sort(steps.begin(), steps.end(), [](const auto& a, const auto& b) { return a.at < b.at; });
    return steps;
}

/// A mark at `at` on a line that ends at `last`.
std::string mark(double at, double last) {
    const double share = last > 0 ? std::min(1.0, at / last) : 0;
    const auto column = static_cast<std::size_t>(share * static_cast<double>(picture_columns - 1));
    return '|' + std::string(column, ' ') + '#' + std::string(picture_columns - 1 - column, ' ') + '|';
}

std::string one(const Json& record) {
    std::string text =
        '#' + words(member(record, "number")) + ' ' + words(member(record, "scope")) + ": " + leader_text(member(record, "old")) + " -> ";
    text += member(record, "same_leader") == Json(true) ? "the same member" : leader_text(member(record, "new"));
    text += ", " + span(number(member(record, "age_seconds"))) + " ago (" + words(member(record, "reason"));
    if (const auto& timeline = member(record, "timeline"); timeline.is_number()) text += ", timeline " + words(timeline);
    text += member(record, "done") == Json(true) ? ")\n" : ", not complete)\n";
    const auto steps = steps_of(record);
    std::vector<Row> rows;
    for (const auto& step : steps) {
        auto at = decimal(step.at, 1) + " ms";
        at.insert(0, at.size() < 11 ? 11 - at.size() : 0, ' ');
        rows.push_back({at, mark(step.at, steps.back().at), step.what});
    }
    text += table(rows);
    return text + "   " + words(member(record, "questions_held")) + " queries held, the longest for " +
           decimal(number(member(record, "longest_hold_ms")), 1) + " ms, " + words(member(record, "questions_expired")) +
           " not answered in time; " + words(member(record, "answers_late")) + " answers with the old address after the change; " +
           words(member(record, "connections_cut")) + " connections to the old leader ended\n";
}

}  // namespace

std::string failovers_text(const std::string& json, const Style&) {
    const Json answer = parse(json);
    if (!answer.is_object()) return "";
    const auto& records = member(answer, "failovers");
    if (!records.is_array() || records.empty()) return "no leader has changed since the start\n";
    std::string text;
    for (std::size_t i = 0; i < records.size() && i < records_shown_max; ++i) text += (i ? "\n" : "") + one(records[i]);
    return text;
}

}  // namespace lictor::terminal
