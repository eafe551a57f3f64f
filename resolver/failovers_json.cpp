// /failovers: the black box, newest first. Times are milliseconds from the first sign of the change; null = not seen.
#include "resolver/core/failovers.hpp"
#include "resolver/stats_json.hpp"
#include "resolver/stats_parts.hpp"

namespace lictor {
namespace {

double milliseconds_of(microseconds span) { return static_cast<double>(span.count()) / 1000.0; }

void write_seat(JsonWriter& json, std::string_view key, const LeaderSeat& seat) {
    json.key(key).open_object();
    json.field("member", shown(seat.member));
    json.field("address", shown(seat.address));
    json.field("port", seat.port);
    json.close_object();
}

}  // namespace

void write_failover(JsonWriter& json, const FailoverRecord& record, Now now) {
    const Now began = record.began();
    json.open_object();
    json.field("number", record.number);
    json.field("scope", shown(record.scope));
    json.field("service", shown(record.service));
    write_seat(json, "old", record.old_leader);
    write_seat(json, "new", record.new_leader);
    json.field("reason", shown(record.reason));
    json.key("timeline");
    if (record.timeline) json.number(*record.timeline);
    else json.null();
    json.field("serial", record.serial);
    json.field("began_unix", record.began_unix);
    json.field("age_seconds", std::chrono::duration<double>(std::max(now - began, microseconds(0))).count());
    json.field("done", record.done);
    json.field("same_leader", record.same_leader());
    json.key("phases_ms").open_object();
    for (std::size_t i = 0; i < failover_phases; ++i) {
        const auto phase = static_cast<FailoverPhase>(i);
        json.key(word(phase));
        if (const auto when = record.at(phase)) json.decimal(milliseconds_of(*when - began));
        else json.null();
    }
    json.close_object();
    json.field("questions_held", record.held());
    json.field("questions_expired", record.expired());
    json.field("longest_hold_ms", milliseconds_of(record.longest_hold()));
    json.field("answers_late", record.told_late());
    json.close_object();
}

std::string failover_json(const FailoverRecord& record, Now now) {
    JsonWriter json;
    write_failover(json, record, now);
    return json.take();
}

std::string news_json(const LeaderNews& news) {
    JsonWriter json;
    json.open_object();
    json.field("scope", shown(news.scope));
    json.field("service", shown(news.service));
    write_seat(json, "old", news.old_leader);
    if (news.leads) write_seat(json, "new", news.new_leader);
    json.field("reason", shown(news.reason));
    json.key("timeline");
    if (news.timeline) json.number(*news.timeline);
    else json.null();
    json.field("serial", news.serial);
    json.close_object();
    return json.take();
}

std::string failovers_json(const Status& status) {
    JsonWriter json;
    json.open_object();
    json.key("failovers").open_list();
    if (status.failovers)
        for (auto at = status.failovers->records().rbegin(); at != status.failovers->records().rend(); ++at) write_failover(json, *at, status.now);
    json.close_list();
    json.field("total", status.failovers ? status.failovers->total() : 0);
    json.field("answers_late_total", status.failovers ? status.failovers->told_late() : 0);
    json.close_object();
    return json.take();
}

}  // namespace lictor
