// Sums, keys and order for the documents of the stats endpoint.
#include "resolver/stats_parts.hpp"

#include <algorithm>

#include "resolver/core/leader_book.hpp"

namespace lictor {

std::uint64_t total(const Status& status, Count WorkerCounters::*field) {
    std::uint64_t sum = 0;
    for (const auto* worker : status.workers) sum += (worker->*field).get();
    return sum;
}

const Catalog& catalog_of(const Status& status) {
    static const Catalog nothing;
    return status.view && status.view->catalog ? *status.view->catalog : nothing;
}

const Rules& rules_of(const Status& status) {
    static const Rules nothing;
    return status.view && status.view->rules ? *status.view->rules : nothing;
}

std::string_view key_of_metric(std::string_view name) {
    constexpr std::string_view prefix = "lictor_", suffix = "_total";
    if (name.starts_with(prefix)) name.remove_prefix(prefix.size());
    if (name.ends_with(suffix)) name.remove_suffix(suffix.size());
    return name;
}

std::string_view value_of_label(std::string_view label) {
    const auto open = label.find('"');
    return open == std::string_view::npos ? std::string_view{} : label.substr(open + 1, label.rfind('"') - open - 1);
}

std::vector<const LeaderEntry*> leaders_in_order(const Catalog& catalog) {
    std::vector<const LeaderEntry*> entries;
    for (const auto& [service, entry] : *catalog.leaders) entries.push_back(entry.get());
    std::sort(entries.begin(), entries.end(), [](const auto* a, const auto* b) { return a->service < b->service; });
    if (entries.size() > leaders_shown_max) entries.resize(leaders_shown_max);
    return entries;
}

std::vector<Address> leader_addresses(const Catalog& catalog, const LeaderEntry& entry) {
    if (entry.state != LeaderState::led) return {};
    if (entry.host.ip) return {*entry.host.ip};
    std::vector<Address> found;
    if (const auto* host = host_row(catalog, entry.host)) {
        found = host->v4;
        found.insert(found.end(), host->v6.begin(), host->v6.end());
    }
    if (found.empty() && entry.node_address.ip) found.push_back(*entry.node_address.ip);
    if (found.size() > members_shown_max) found.resize(members_shown_max);
    return found;
}

const char* answer_word(const LeaderEntry& entry) {
    switch (entry.state) {
        case LeaderState::led: return "address";
        case LeaderState::vacant: return "withdrawn";
        case LeaderState::loading: return "held";
        case LeaderState::standby: return "no data";
        case LeaderState::unreadable: return "by tags";
        case LeaderState::gone: return "as a service";
    }
    return "unknown";
}

double leader_age_seconds(const Status& status, const LeaderEntry& entry) {
    if (entry.since <= Now{0} || status.now < entry.since) return 0;
    return std::chrono::duration<double>(status.now - entry.since).count();
}

}  // namespace lictor
