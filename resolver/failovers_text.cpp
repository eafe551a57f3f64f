// /failovers as people read it: each change as a line, its phases in order of time with a picture of when, and what was counted.
#include <algorithm>

#include "resolver/command_parts.hpp"
#include "resolver/command_text.hpp"
#include "resolver/core/failovers.hpp"

namespace lictor {

using namespace command_parts;

namespace {

constexpr std::size_t picture_columns = 50;
constexpr std::size_t records_shown_max = 64;

std::string seat(const Json& place) {
    const auto name = words(member(place, "member")), address = words(member(place, "address"));
    return name == "-" && address == "-" ? "nobody" : name + " (" + address + ':' + words(member(place, "port")) + ')';
}

struct Step {
    double at;
    std::string what;
};

std::vector<Step> steps_of(const Json& record) {
    std::vector<Step> steps;
    for (std::size_t i = 0; i < failover_phases; ++i) {
        const auto phase = static_cast<FailoverPhase>(i);
        if (const auto& at = member(record, "phases_ms", word(phase)); at.is_number()) steps.push_back({std::max(0.0, number(at)), sentence(phase)});
    }
    std::stable_sort(steps.begin(), steps.end(), [](const auto& a, const auto& b) { return a.at < b.at; });
    return steps;
}

/// Where in time: the distance to the last phase is the whole width.
std::string mark(double at, double last) {
    const double share = last > 0 ? std::min(1.0, at / last) : 0;
    const auto column = static_cast<std::size_t>(share * static_cast<double>(picture_columns - 1));
    return '|' + std::string(column, ' ') + '#' + std::string(picture_columns - 1 - column, ' ') + '|';
}

std::string one(const Json& record) {
    std::string text = '#' + words(member(record, "number")) + ' ' + words(member(record, "scope")) + ": " + seat(member(record, "old")) + " -> ";
    text += member(record, "same_leader") == Json(true) ? "the same again" : seat(member(record, "new"));
    text += ", " + span(number(member(record, "age_seconds"))) + " ago (" + words(member(record, "reason"));
    if (const auto& timeline = member(record, "timeline"); timeline.is_number()) text += ", timeline " + words(timeline);
    text += member(record, "done") == Json(true) ? ")\n" : ", not done)\n";
    const auto steps = steps_of(record);
    std::vector<Row> rows;
    for (const auto& step : steps) {
        auto at = decimal(step.at, 1) + " ms";
        at.insert(0, at.size() < 11 ? 11 - at.size() : 0, ' ');
        rows.push_back({at, mark(step.at, steps.back().at), step.what});
    }
    text += table(rows);
    return text + "   " + words(member(record, "questions_held")) + " questions held, the longest for " + decimal(number(member(record, "longest_hold_ms")), 1) + " ms, " +
           words(member(record, "questions_expired")) + " not answered in time; " + words(member(record, "answers_late")) +
           " answers with the old address after the change was known\n";
}

}  // namespace

std::string failovers_for_people(const std::string& json) {
    const Json answer = parse(json);
    if (!answer.is_object()) return "";
    const auto& records = member(answer, "failovers");
    if (!records.is_array() || records.empty()) return "no leader has changed since the start\n";
    std::string text;
    for (std::size_t i = 0; i < records.size() && i < records_shown_max; ++i) text += (i ? "\n" : "") + one(records[i]);
    return text;
}

}  // namespace lictor
