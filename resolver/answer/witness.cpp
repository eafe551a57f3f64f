// A decision may look at one thing several times; it is noted once.
#include "resolver/answer/witness.hpp"

#include <algorithm>

namespace lictor::answer {

void Witness::service(std::string_view name, std::string_view datacenter, const catalog::ServiceEntry* entry) {
    const bool known =
        std::ranges::any_of(services, [&](const ServiceSeen& row) { return row.name == name && row.datacenter == datacenter; });
    if (!known) services.push_back({std::string(name), std::string(datacenter), entry, {}});
}

void Witness::selected(const catalog::ServiceEntry& entry, std::string_view tag) {
    for (ServiceSeen& row : services)
        if (row.entry == &entry) row.tag = std::string(tag);
}

void Witness::leader(const catalog::LeaderEntry& entry) {
    if (std::ranges::find(leaders, &entry) == leaders.end()) leaders.push_back(&entry);
}

void Witness::host(std::string_view name, const catalog::HostEntry* entry) {
    if (std::ranges::none_of(hosts, [&](const auto& row) { return row.first == name; })) hosts.emplace_back(std::string(name), entry);
}

}  // namespace lictor::answer
