// Computes sums, keys and the order of leaders.
#include "resolver/documents/status_parts.hpp"

#include <algorithm>
#include <tuple>

#include "conf/metrics/metrics_rows.hpp"
#include "resolver/rules/rules.hpp"
#include "resolver/view/leader_runtime.hpp"

namespace lictor::documents {

std::uint64_t total(const Status& status, metrics::Count metrics::WorkerCounters::*field) {
    std::uint64_t sum = 0;
    for (const auto* worker : status.workers) sum += (worker->*field).get();
    return sum;
}

const catalog::Catalog& catalog_of(const Status& status) {
    static const catalog::Catalog nothing;
    return status.view && status.view->catalog ? *status.view->catalog : nothing;
}

const rules::Rules& rules_of(const Status& status) {
    static const rules::Rules nothing;
    return status.view && status.view->rules ? *status.view->rules : nothing;
}

std::vector<const catalog::LeaderEntry*> leaders_in_order(const catalog::Catalog& catalog) {
    std::vector<const catalog::LeaderEntry*> entries;
    for (const auto& [service, entry] : *catalog.leaders) entries.push_back(entry.get());
    std::sort(entries.begin(), entries.end(), [](const auto* a, const auto* b) { return a->service < b->service; });
    if (entries.size() > leaders_shown_max) entries.resize(leaders_shown_max);
    return entries;
}

std::vector<const catalog::ServiceEntry*> services_in_order(const catalog::Catalog& catalog) {
    std::vector<const catalog::ServiceEntry*> services;
    for (const auto& [key, entry] : *catalog.services) services.push_back(entry.get());
    std::sort(services.begin(), services.end(),
              [](const auto* a, const auto* b) { return std::tie(a->name, a->datacenter) < std::tie(b->name, b->datacenter); });
    return services;
}

const char* word(catalog::Health health) {
    switch (health) {
        case catalog::Health::passing: return "passing";
        case catalog::Health::warning: return "warning";
        case catalog::Health::critical: return "critical";
    }
    return "unknown";
}

std::vector<Address> leader_addresses(const catalog::Catalog& catalog, const catalog::LeaderEntry& entry) {
    if (entry.state != catalog::LeaderState::led) return {};
    if (entry.host.ip) return {*entry.host.ip};
    std::vector<Address> found;
    if (const auto* host = view::host_row(catalog, entry.host)) {
        found = host->v4;
        found.insert(found.end(), host->v6.begin(), host->v6.end());
    }
    if (found.empty() && entry.node_address.ip) found.push_back(*entry.node_address.ip);
    if (found.size() > members_shown_max) found.resize(members_shown_max);
    return found;
}

const char* answer_word(const catalog::LeaderEntry& entry) {
    switch (entry.state) {
        case catalog::LeaderState::led: return "address";
        case catalog::LeaderState::vacant: return "withdrawn";
        case catalog::LeaderState::loading: return "held";
        case catalog::LeaderState::standby: return "no data";
        case catalog::LeaderState::unreadable: return "by tags";
        case catalog::LeaderState::gone: return "as a service";
    }
    return "unknown";
}

double leader_age_seconds(const Status& status, const catalog::LeaderEntry& entry) {
    if (entry.since <= Now{0} || status.now < entry.since) return 0;
    return std::chrono::duration<double>(status.now - entry.since).count();
}

}  // namespace lictor::documents
