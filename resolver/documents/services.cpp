// Writes /services: the watches on Consul, and the services with their instances. Both lists are limited; their full lengths are given.
#include <algorithm>
#include <array>

#include "resolver/documents/documents.hpp"
#include "resolver/documents/status_parts.hpp"
#include "watch/catalog/instances.hpp"

namespace lictor::documents {
namespace {

void write_watch(JsonWriter& json, const polling::WatchReport& watch) {
    json.open_object();
    json.field("kind", shown(watch.kind));
    json.field("name", shown(watch.name));
    json.field("datacenter", shown(watch.datacenter));
    json.field("state", shown(watch.state));
    json.field("why", shown(watch.why));
    json.field("stale", watch.stale);
    json.field("index", watch.index);
    json.field("instances", watch.instances);
    json.field("replies", watch.replies);
    json.field("changes", watch.changes);
    json.field("errors", watch.errors);
    json.field("age_seconds", watch.age_seconds);
    json.key("asked_seconds");
    if (watch.asked_seconds < 0) json.null();
    else json.decimal(watch.asked_seconds);
    json.close_object();
}

void write_instance(JsonWriter& json, const catalog::Instance& instance) {
    json.open_object();
    json.field("id", shown(instance.id));
    json.field("node", instance.node ? shown(instance.node->name) : std::string_view{});
    json.field("node_address", instance.node ? shown(instance.node->address.text) : std::string_view{});
    json.field("address", shown(instance.address.text));
    json.field("port", instance.port);
    json.key("tags").open_list();
    for (std::size_t i = 0; i < instance.tags.size() && i < members_shown_max; ++i) json.text(shown(instance.tags[i]));
    json.close_list();
    json.field("health", word(instance.health));
    json.close_object();
}

/// What a query for the service gets now.
const char* answer_of(const catalog::ServiceEntry& service, std::size_t usable, const catalog::Catalog& catalog) {
    if (catalog.expired) return "SERVFAIL";
    switch (service.state) {
        case catalog::FactState::loading: return "held";
        case catalog::FactState::failed: return "SERVFAIL";
        case catalog::FactState::delegated: return "the agent's DNS";
        case catalog::FactState::known: break;
    }
    return usable > 0 ? "instances" : "NXDOMAIN";
}

/// How many instances have each health, and how many pass the health filter.
void write_health(JsonWriter& json, const catalog::ServiceEntry& service, const catalog::Catalog& catalog) {
    std::array<std::size_t, 3> by_health{};
    std::size_t usable = 0;
    for (const auto& instance : service.instances) {
        ++by_health[static_cast<std::size_t>(instance.health)];
        usable += catalog::is_usable(instance, *catalog.settings) ? 1 : 0;
    }
    for (const auto health : {catalog::Health::passing, catalog::Health::warning, catalog::Health::critical})
        json.field(word(health), by_health[static_cast<std::size_t>(health)]);
    json.field("answered", usable);
    json.field("answer", answer_of(service, usable, catalog));
}

void write_service(JsonWriter& json, const catalog::ServiceEntry& service, const catalog::Catalog& catalog, std::size_t& room) {
    json.open_object();
    json.field("name", shown(service.name));
    json.field("datacenter", shown(service.datacenter));
    json.field("state", catalog::word(service.state));
    json.field("why", shown(service.why));
    json.field("stale", service.stale);
    json.field("index", service.index);
    json.field("instances_total", service.instances.size());
    write_health(json, service, catalog);
    json.key("instances").open_list();
    const auto count = std::min({service.instances.size(), instances_shown_max, room});
    room -= count;
    for (std::size_t i = 0; i < count; ++i) write_instance(json, service.instances[i]);
    json.close_list();
    json.close_object();
}

}  // namespace

std::string services_json(const Status& status) {
    const auto& catalog = catalog_of(status);
    const auto services = services_in_order(catalog);

    JsonWriter json;
    json.open_object();
    json.field("watches_total", status.watches.size());
    json.key("watches").open_list();
    for (std::size_t i = 0; i < status.watches.size() && i < watches_shown_max; ++i) write_watch(json, status.watches[i]);
    json.close_list();
    json.field("services_total", services.size());
    json.key("services").open_list();
    std::size_t room = instances_shown_total_max;
    for (std::size_t i = 0; i < services.size() && i < services_shown_max; ++i) write_service(json, *services[i], catalog, room);
    json.close_list();
    json.close_object();
    return json.take();
}

}  // namespace lictor::documents
