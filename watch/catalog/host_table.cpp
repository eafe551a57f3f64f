// Keeps a row for each host name, with the times of its queries and look-ups, within a maximum number of rows.
#include "watch/catalog/host_table.hpp"

#include <algorithm>
#include <utility>

namespace lictor::catalog {
namespace {

constexpr std::size_t names_max = 512, name_bytes_max = 253, addresses_max = 64;
constexpr Now refresh_after = milliseconds(1500);  // with the tick of 250 ms: within 2 s
constexpr Now retry_after = milliseconds(300);     // of a name without an address
constexpr Now no_reply_after = seconds(5);
constexpr std::int64_t asked_lately_seconds = 10, drop_after_seconds = 60;

std::int64_t asked(const HostEntry& entry) { return entry.usage->asked.load(std::memory_order_relaxed); }

}  // namespace

HostTable::Row* HostTable::row(const std::string& name, Now now) {
    const auto found = rows_.find(name);
    if (found != rows_.end()) return &found->second;
    if (name.empty() || name.size() > name_bytes_max || rows_.size() >= names_max) {
        ++refused_;
        return nullptr;
    }
    auto entry = std::make_shared<HostEntry>();
    entry->usage->touch(now / seconds(1));
    Row made;
    put(name, made, std::move(entry));
    return &rows_.emplace(name, std::move(made)).first->second;
}

bool HostTable::request(const std::string& name, Now now) {
    Row* const requested = row(name, now);
    if (!requested) return false;
    requested->entry->usage->touch(now / seconds(1));
    const auto pause = requested->entry->state == FactState::known ? refresh_after : retry_after;
    if (requested->asking || now - requested->asked_resolver < pause) return false;
    requested->asking = true;
    requested->asked_resolver = now;
    return true;
}

void HostTable::require(std::set<std::string> names) { required_ = std::move(names); }

void HostTable::on_host(const std::string& name, HostAnswer answer) {
    const auto found = rows_.find(name);
    if (found == rows_.end()) return;
    auto& held = found->second;
    held.asking = false;
    const auto& before = *held.entry;
    const auto tidy = [](std::vector<Address>& addresses) {
        std::sort(addresses.begin(), addresses.end());
        addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
        if (addresses.size() > addresses_max) addresses.resize(addresses_max);
    };
    const bool found_any = answer.any();
    auto v4 = found_any && answer.v4 ? std::move(*answer.v4) : std::vector(before.v4);
    auto v6 = found_any && answer.v6 ? std::move(*answer.v6) : std::vector(before.v6);
    tidy(v4);
    tidy(v6);
    const auto state = found_any || before.state == FactState::known ? FactState::known : FactState::failed;
    if (state == before.state && v4 == before.v4 && v6 == before.v6) return;
    auto entry = std::make_shared<HostEntry>();
    entry->state = state;
    entry->v4 = std::move(v4);
    entry->v6 = std::move(v6);
    entry->usage = before.usage;
    put(name, held, std::move(entry));
}

std::vector<std::string> HostTable::due(Now now) {
    for (const auto& name : required_) row(name, now);
    std::vector<std::string> names;
    for (auto at = rows_.begin(); at != rows_.end();) {
        auto& [name, held] = *at;
        const auto idle_seconds = now / seconds(1) - asked(*held.entry);
        const bool required = required_.count(name) > 0;
        if (!required && idle_seconds > drop_after_seconds) {
            builder_.drop_host(name);
            at = rows_.erase(at);
            continue;
        }
        const bool overdue = now - held.asked_resolver >= (held.asking ? no_reply_after : refresh_after);
        if (overdue && (required || idle_seconds <= asked_lately_seconds || held.entry->state != FactState::known)) {
            held.asking = true;
            held.asked_resolver = now;
            names.push_back(name);
        }
        ++at;
    }
    return names;
}

void HostTable::put(const std::string& name, Row& held, std::shared_ptr<HostEntry> entry) {
    entry->version = builder_.next_version();
    builder_.put_host(name, entry);  // without memory the row keeps its entry, and the next answer is not taken for the same
    held.entry = std::move(entry);
}

}  // namespace lictor::catalog
