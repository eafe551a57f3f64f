// Compares the answer of a new Catalog with the last answer.
#include "resolver/view/leader_runtime.hpp"

#include <algorithm>
#include <limits>

#include "conf/base/ascii.hpp"
#include "watch/catalog/instances.hpp"

namespace lictor::view {
namespace {

constexpr char between = '\x1f';

void add(std::string& text, std::string_view word) {
    text += between;
    text += word;
}

/// True for a name below one of Consul's domains: its addresses come from the Catalog's services and nodes, not from the host table.
bool is_consul_name(const catalog::Catalog& catalog, const catalog::HostText& host) {
    const auto name = lower_case(host.text);
    return std::ranges::any_of(catalog.settings->domains, [&](const std::string& domain) { return name.ends_with('.' + domain); });
}

std::string by_host(const catalog::Catalog& catalog, const catalog::LeaderEntry& entry) {
    std::string text = entry.member;
    add(text, entry.host.text);
    add(text, std::to_string(entry.port));
    if (entry.host.ip || is_consul_name(catalog, entry.host)) return text;
    bool any = false;
    if (const auto* host = host_row(catalog, entry.host))
        for (const auto* family : {&host->v4, &host->v6})
            for (const auto& address : *family) {
                add(text, address.text());
                any = true;
            }
    if (!any && !entry.node_address.ip) return {};  // no address is known: queries are held
    if (!any) add(text, entry.node_address.text);
    return text;
}

/// While the keys cannot be read: the instance with the leader tag.
std::string by_tags(const catalog::Catalog& catalog, const catalog::LeaderEntry& entry) {
    const catalog::Instance* instance = leader_by_tags(catalog, entry);
    std::string text;
    if (!instance) return text;
    add(text, instance->id);
    add(text, instance->node->name_lower);
    add(text, instance->node->address.text);
    add(text, instance->address.text);
    add(text, std::to_string(instance->port));
    return text;
}

}  // namespace

const catalog::HostEntry* host_row(const catalog::Catalog& catalog, const catalog::HostText& host) {
    const auto found = catalog.hosts->find(lower_case(host.text));
    return found == catalog.hosts->end() ? nullptr : found->second.get();
}

const catalog::Instance* leader_by_tags(const catalog::Catalog& catalog, const catalog::LeaderEntry& entry) {
    const auto service = catalog.services->find(entry.service);
    return service == catalog.services->end() ? nullptr : catalog::tagged_leader(*service->second, *catalog.settings);
}

std::string answered_as(const catalog::Catalog& catalog, const catalog::LeaderEntry& entry) {
    if (entry.state == catalog::LeaderState::led) return by_host(catalog, entry);
    if (entry.state == catalog::LeaderState::unreadable) return by_tags(catalog, entry);
    return {};
}

std::uint32_t next_serial(std::uint32_t previous, std::int64_t unix_seconds) {
    constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
    return static_cast<std::uint32_t>(std::clamp<std::int64_t>(unix_seconds, std::min(std::int64_t{previous} + 1, most), most));
}

std::shared_ptr<const LeaderRuntime> next_runtime(const std::shared_ptr<const LeaderRuntime>& previous, const catalog::Catalog& catalog,
                                                  std::int64_t unix_seconds, const LeaderMarks& marks) {
    std::shared_ptr<LeaderRuntime> next;
    const auto changed = [&]() -> LeaderRuntime& {
        if (!next) next = std::make_shared<LeaderRuntime>(*previous);
        return *next;
    };
    for (const auto& [service, leader] : *catalog.leaders) {
        const auto found = previous->find(service);
        std::string now = answered_as(catalog, *leader);
        if (found == previous->end()) {
            auto entry = std::make_shared<RuntimeEntry>();
            entry->answerable = !now.empty();
            if (const auto mark = marks.find(service); mark != marks.end()) {
                entry->serial = mark->second.serial;
                entry->answered = mark->second.answered;
            }
            if (entry->answerable && now != entry->answered) {
                entry->serial = next_serial(entry->serial, unix_seconds);
                entry->answered = std::move(now);
            }
            changed()[service] = std::move(entry);
            continue;
        }
        const RuntimeEntry& old = *found->second;
        if (now.empty() ? !old.answerable : old.answerable && now == old.answered && !old.counters->deposed.load(std::memory_order_relaxed))
            continue;
        auto entry = std::make_shared<RuntimeEntry>(old);
        entry->answerable = !now.empty();
        if (old.answerable) {
            entry->gap = old.gap_ahead;
            entry->gap_ahead = std::make_shared<GapCounters>();
        }
        if (!now.empty()) {
            entry->counters = std::make_shared<LeaderCounters>();
            if (now != old.answered) entry->serial = next_serial(old.serial, unix_seconds);
            entry->answered = std::move(now);
        }
        changed()[service] = std::move(entry);
    }
    for (const auto& [service, entry] : *previous)
        if (!catalog.leaders->contains(service)) changed().erase(service);
    if (next) return next;
    return previous;
}

LeaderMarks marks_of(const LeaderRuntime& runtime) {
    LeaderMarks marks;
    for (const auto& [service, entry] : runtime)
        if (entry->serial != 0) marks[service] = {entry->serial, entry->answered};
    return marks;
}

void report_usage(const LeaderRuntime& runtime, Now now, std::vector<polling::WatchReport>& rows) {
    for (auto& row : rows) {
        if (row.kind != "leader") continue;
        const auto found = runtime.find(row.name);
        const auto second = found == runtime.end() ? 0 : found->second->usage->asked.load(std::memory_order_relaxed);
        if (second != 0) row.asked_seconds = static_cast<double>(now / seconds(1) - second);
    }
}

void depose(const LeaderRuntime& runtime, const catalog::Catalog& offered, Now (*clock)()) {
    for (const auto& [service, entry] : runtime) {
        if (!entry->answerable) continue;
        const auto leader = offered.leaders->find(service);
        if (leader != offered.leaders->end() && answered_as(offered, *leader->second) == entry->answered) continue;
        if (entry->counters->deposed.exchange(true, std::memory_order_release)) continue;
        entry->counters->deposed_at.store(clock().count(), std::memory_order_release);
    }
}

}  // namespace lictor::view
