// Writes /leaders: for each leader scope, which member is answered, since when and why, and the state that each member reported last.
#include "resolver/documents/documents.hpp"
#include "resolver/documents/status_parts.hpp"
#include "watch/leader/leader.hpp"
#include "watch/leader/replicas.hpp"

namespace lictor::documents {
namespace {

void write_optional(JsonWriter& json, std::string_view key, const std::optional<std::uint64_t>& value) {
    json.key(key);
    if (value) json.number(*value);
    else json.null();
}

/// Whether `replica.` and `sync.` answer this member, and if not, why.
void write_seat(JsonWriter& json, const catalog::MemberRow& member, const catalog::LeaderEntry& entry) {
    const catalog::Replica* replica = nullptr;
    if (entry.replica_set)
        for (const auto& each : entry.replica_set->replicas)
            if (each.member == member.name) replica = &each;
    json.field("replica", replica && replica->as_replica);
    json.field("sync", replica && replica->as_sync);
    write_optional(json, "lag", replica ? replica->lag : std::nullopt);
    json.field("objection", replica ? catalog::word(replica->objection) : "");
}

void write_member(JsonWriter& json, const catalog::MemberRow& member, const catalog::LeaderEntry& entry) {
    json.open_object();
    json.field("name", shown(member.name));
    json.field("role", shown(member.role));
    json.field("state", shown(member.state));
    json.field("leads", entry.state == catalog::LeaderState::led && member.name == entry.member);
    json.field("host", shown(member.host.text));
    json.field("port", member.port);
    write_optional(json, "timeline", member.timeline);
    write_optional(json, "lsn", member.lsn);
    json.field("replication_state", shown(member.replication_state));
    json.field("api_url", shown(member.api_url));
    json.field("patroni_version", shown(member.version));
    json.field("noloadbalance", member.noloadbalance);
    write_seat(json, member, entry);
    json.close_object();
}

void write_leader(JsonWriter& json, const Status& status, const catalog::LeaderEntry& entry) {
    const auto& catalog = catalog_of(status);
    const auto& domains = catalog.settings->domains;
    json.open_object();
    json.field("scope", shown(entry.scope));
    json.field("service", shown(entry.service));
    const std::string service(shown(entry.service));
    json.field("name", (entry.lock ? service + '.' : "master." + service + ".service.") + (domains.empty() ? "consul" : domains.front()));
    json.field("kind", entry.lock ? "lock" : "scope");
    json.field("namespace", shown(entry.name_space));
    json.field("discovered", entry.discovered);
    json.field("state", leader::word(entry.state));
    json.field("reason", leader::word(entry.reason));
    json.field("why", shown(leader::leader_why(entry)));
    json.field("answer", answer_word(entry));
    json.field("member", shown(entry.member));
    json.field("lock_holder", shown(entry.holder));
    json.field("host", shown(entry.host.text));
    json.field("node_address", shown(entry.node_address.text));
    json.field("port", entry.port);
    json.key("addresses").open_list();
    for (const auto& address : leader_addresses(catalog, entry)) json.text(address.text());
    json.close_list();
    json.field("since_unix", entry.since_unix);
    json.field("age_seconds", leader_age_seconds(status, entry));
    write_optional(json, "timeline", entry.timeline);
    json.field("lock_index", entry.lock_index);
    json.key("members").open_list();
    for (std::size_t i = 0; i < entry.members.size() && i < members_shown_max; ++i) write_member(json, entry.members[i], entry);
    json.close_list();
    json.field("members_total", entry.members.size());
    json.close_object();
}

}  // namespace

void write_leaders(JsonWriter& json, const Status& status) {
    json.open_list();
    for (const auto* entry : leaders_in_order(catalog_of(status))) write_leader(json, status, *entry);
    json.close_list();
}

std::string leaders_json(const Status& status) {
    const auto& catalog = catalog_of(status);
    JsonWriter json;
    json.open_object();
    json.key("leaders");
    write_leaders(json, status);
    json.field("leaders_total", catalog.leaders->size());
    json.field("contact_lost", catalog.contact_lost);
    json.close_object();
    return json.take();
}

}  // namespace lictor::documents
