// Writes /failovers: the fail-over records, newest first. Times are milliseconds from the first phase of the change; null: the phase was
// not reached.
#include "resolver/failover/failovers.hpp"
#include "resolver/documents/documents.hpp"
#include "resolver/documents/status_parts.hpp"

namespace lictor::documents {
namespace {

double milliseconds_of(microseconds span) { return static_cast<double>(span.count()) / 1000.0; }

void write_leader(JsonWriter& json, std::string_view key, const failover::LeaderAddress& leader) {
    json.key(key).open_object();
    json.field("member", shown(leader.member));
    json.field("address", shown(leader.address));
    json.field("port", leader.port);
    json.close_object();
}

}  // namespace

void write_failover(JsonWriter& json, const failover::FailoverRecord& record, Now now) {
    const Now began = record.began();
    json.open_object();
    json.field("number", record.number);
    json.field("scope", shown(record.scope));
    json.field("service", shown(record.service));
    write_leader(json, "old", record.old_leader);
    write_leader(json, "new", record.new_leader);
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
    for (std::size_t i = 0; i < failover::failover_phases; ++i) {
        const auto phase = static_cast<failover::FailoverPhase>(i);
        json.key(failover::word(phase));
        if (const auto when = record.at(phase)) json.decimal(milliseconds_of(*when - began));
        else json.null();
    }
    json.close_object();
    json.field("questions_held", record.held());
    json.field("questions_expired", record.expired());
    json.field("longest_hold_ms", milliseconds_of(record.longest_hold()));
    json.field("answers_late", record.answered_late());
    json.field("connections_cut", record.connections_cut);
    json.close_object();
}

std::string failover_json(const failover::FailoverRecord& record, Now now) {
    JsonWriter json;
    write_failover(json, record, now);
    return json.take();
}

std::string leader_change_json(const failover::LeaderChange& change) {
    JsonWriter json;
    json.open_object();
    json.field("scope", shown(change.scope));
    json.field("service", shown(change.service));
    write_leader(json, "old", change.old_leader);
    if (change.leads) write_leader(json, "new", change.new_leader);
    json.field("reason", shown(change.reason));
    json.key("timeline");
    if (change.timeline) json.number(*change.timeline);
    else json.null();
    json.field("serial", change.serial);
    json.close_object();
    return json.take();
}

std::string leader_cut_json(const cut::LeaderCuts::Finished& cut) {
    JsonWriter json;
    json.open_object();
    json.field("scope", shown(cut.scope));
    json.field("service", shown(cut.service));
    json.field("member", shown(cut.member));
    json.key("places").open_list();
    for (const auto& place : cut.places) {
        json.open_object();
        json.field("address", place.address.text());
        json.field("port", place.port);
        json.close_object();
    }
    json.close_list();
    json.field("connections_cut", cut.connections);
    json.close_object();
    return json.take();
}

std::string failovers_json(const Status& status) {
    JsonWriter json;
    json.open_object();
    json.key("failovers").open_list();
    if (status.failovers)
        for (auto at = status.failovers->records().rbegin(); at != status.failovers->records().rend(); ++at)
            write_failover(json, *at, status.now);
    json.close_list();
    json.field("total", status.failovers ? status.failovers->total() : 0);
    json.field("answers_late_total", status.failovers ? status.failovers->answered_late() : 0);
    json.close_object();
    return json.take();
}

}  // namespace lictor::documents
