// Comparing what is answered now with what was answered last.
#include "resolver/core/leader_book.hpp"

#include <algorithm>
#include <limits>

#include "conf/line_syntax.hpp"
#include "resolver/core/zone_select.hpp"

namespace lictor {
namespace {

constexpr char between = '\x1f';

void add(std::string& text, std::string_view word) {
    text += between;
    text += word;
}

/// Below one of Consul's domains: its addresses are Consul's own records, not a row of the host table.
bool is_consul_name(const Catalog& catalog, const HostText& host) {
    const auto name = lower_case(host.text);
    return std::ranges::any_of(catalog.settings->domains, [&](const std::string& domain) { return name.ends_with('.' + domain); });
}

std::string by_host(const Catalog& catalog, const LeaderEntry& entry) {
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
    if (!any && !entry.node_address.ip) return {};  // a name without any address: questions are held
    if (!any) add(text, entry.node_address.text);
    return text;
}

/// The keys cannot be read: the instance whose tag says that it leads.
std::string by_tags(const Catalog& catalog, const LeaderEntry& entry) {
    const Instance* instance = leader_by_tags(catalog, entry);
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

const HostEntry* host_row(const Catalog& catalog, const HostText& host) {
    const auto found = catalog.hosts->find(lower_case(host.text));
    return found == catalog.hosts->end() ? nullptr : found->second.get();
}

const Instance* leader_by_tags(const Catalog& catalog, const LeaderEntry& entry) {
    const auto service = catalog.services->find(entry.service);
    return service == catalog.services->end() ? nullptr : tagged_leader(*service->second, *catalog.settings);
}

std::string answered_as(const Catalog& catalog, const LeaderEntry& entry) {
    if (entry.state == LeaderState::led) return by_host(catalog, entry);
    if (entry.state == LeaderState::unreadable) return by_tags(catalog, entry);
    return {};
}

std::uint32_t next_serial(std::uint32_t previous, std::int64_t unix_seconds) {
    constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
    return static_cast<std::uint32_t>(std::clamp<std::int64_t>(unix_seconds, std::min(std::int64_t{previous} + 1, most), most));
}

std::shared_ptr<const LeaderBook> next_book(const std::shared_ptr<const LeaderBook>& book, const Catalog& catalog, std::int64_t unix_seconds,
                                            const LeaderMarks& marks) {
    std::shared_ptr<LeaderBook> next;
    const auto open = [&]() -> LeaderBook& {
        if (!next) next = std::make_shared<LeaderBook>(*book);
        return *next;
    };
    for (const auto& [service, entry] : *catalog.leaders) {
        const auto found = book->find(service);
        std::string now = answered_as(catalog, *entry);
        if (found == book->end()) {
            auto page = std::make_shared<LeaderPage>();
            page->answerable = !now.empty();
            if (const auto mark = marks.find(service); mark != marks.end()) {
                page->serial = mark->second.serial;
                page->answered = mark->second.answered;
            }
            if (page->answerable && now != page->answered) {
                page->serial = next_serial(page->serial, unix_seconds);
                page->answered = std::move(now);
            }
            open()[service] = std::move(page);
            continue;
        }
        const LeaderPage& old = *found->second;
        if (now.empty() ? !old.answerable : old.answerable && now == old.answered && !old.tally->deposed.load(std::memory_order_relaxed)) continue;
        auto page = std::make_shared<LeaderPage>(old);
        page->answerable = !now.empty();
        if (old.answerable) {
            page->gap = old.gap_ahead;
            page->gap_ahead = std::make_shared<GapTally>();
        }
        if (!now.empty()) {
            page->tally = std::make_shared<LeaderTally>();
            if (now != old.answered) page->serial = next_serial(old.serial, unix_seconds);
            page->answered = std::move(now);
        }
        open()[service] = std::move(page);
    }
    for (const auto& [service, page] : *book)
        if (!catalog.leaders->contains(service)) open().erase(service);
    if (next) return next;
    return book;
}

LeaderMarks marks_of(const LeaderBook& book) {
    LeaderMarks marks;
    for (const auto& [service, page] : book)
        if (page->serial != 0) marks[service] = {page->serial, page->answered};
    return marks;
}

void depose(const LeaderBook& book, const Catalog& offered, Now (*clock)()) {
    for (const auto& [service, page] : book) {
        if (!page->answerable) continue;
        const auto entry = offered.leaders->find(service);
        if (entry != offered.leaders->end() && answered_as(offered, *entry->second) == page->answered) continue;
        if (page->tally->deposed.exchange(true, std::memory_order_release)) continue;
        page->tally->deposed_at.store(clock().count(), std::memory_order_release);
    }
}

}  // namespace lictor
