// Admission, eviction and bounds of the watched services.
#include "watch/service_table.hpp"

#include <algorithm>
#include <utility>

#include "conf/log.hpp"

namespace lictor {
namespace {

constexpr std::size_t name_bytes_max = 63;                // a DNS label
constexpr std::size_t first_reads_max = 16;               // at once
constexpr double reads_per_second = 200, reads_burst = 200;
constexpr std::size_t brief_max = 512, datacenters_max = 64, broken_off_max = 32;
constexpr Now broken_off_for = seconds(65);               // wait + wait/16 and a little
constexpr Now nothing_kept_for = seconds(1), delegated_for = seconds(5), overrun_for = seconds(1), no_datacenter_for = seconds(5);
constexpr seconds hollow_idle{30};
constexpr std::int64_t hollow_rest_seconds = 2, evict_unasked_seconds = 60;

bool sensible(const std::string& label) {
    return label.size() <= name_bytes_max &&
           std::all_of(label.begin(), label.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f; });
}

}  // namespace

void ServiceTable::want(const std::string& name, const std::string& datacenter, Now now) {
    if (name.empty() || name.find('\0') != std::string::npos || datacenter.find('\0') != std::string::npos) return;
    const auto key = service_key(name, datacenter);
    if (const auto found = watches_.find(key); found != watches_.end()) return found->second->touch(now);
    if (brief_.count(key)) return;
    if (!sensible(name) || !sensible(datacenter))
        return put_brief(name, datacenter, FactState::known, {}, false, now + delegated_for);
    const auto missing = missing_datacenters_.find(datacenter);
    if (missing != missing_datacenters_.end() && now < missing->second)
        return put_brief(name, datacenter, FactState::failed, "no such datacenter", true, now + no_datacenter_for);
    const bool room = make_room(now);
    if (!room || !may_read(now)) {
        context_.counters.consul_watches_refused.add();
        return put_brief(name, datacenter, FactState::delegated, {}, false, now + (room ? overrun_for : delegated_for));
    }
    add(name, datacenter, false, now);
}

ServiceWatch& ServiceTable::add(const std::string& name, const std::string& datacenter, bool pinned, Now now) {
    const auto key = service_key(name, datacenter);
    brief_.erase(key);
    std::shared_ptr<const ServiceEntry> last;
    if (const auto kept = attic_.find(key); kept != attic_.end()) last = kept->second;
    auto made = std::make_unique<ServiceWatch>(context_, name, datacenter, std::move(last),
                                               ServiceWatch::Hooks{[this](ServiceWatch& watch) { on_replied(watch); }, changed_});
    auto& watch = *made;
    watches_.emplace(key, std::move(made));
    watch.pinned = pinned;
    watch.first = false;
    watch.touch(now);
    if (!context_.contact.open() && !context_.contact.reachable()) {
        watch.start();
    } else {
        queue_.push_back(key);
        start_queued();
    }
    return watch;
}

void ServiceTable::start_queued() {
    while (first_reads_ < first_reads_max && !queue_.empty() && context_.contact.open()) {
        const auto found = watches_.find(queue_.front());
        queue_.pop_front();
        if (found == watches_.end()) continue;
        found->second->first = true;
        ++first_reads_;
        found->second->start();
    }
}

void ServiceTable::on_replied(ServiceWatch& watch) {
    const Now now = Loop::now();
    if (std::exchange(watch.first, false)) {
        --first_reads_;
        start_queued();
    }
    if (watch.pinned || watch.ended()) return;
    const auto& entry = *watch.entry();
    if (entry.state == FactState::failed && entry.no_datacenter) {
        if (missing_datacenters_.size() < datacenters_max) missing_datacenters_[entry.datacenter] = now + no_datacenter_for;
        return retire(watch, no_datacenter_for, now);
    }
    if (idle(watch, now)) return retire(watch, Now(0), now);
    if (watch.hollow()) judge_hollow(watch, now);
}

/// At most half of the watches may be for names that are not there; past that the least asked one goes.
void ServiceTable::judge_hollow(ServiceWatch& watch, Now now) {
    if (hollow() <= std::max<std::size_t>(1, context_.options.consul_watch_max / 2)) return;
    ServiceWatch* victim = least_asked(true);
    if (!victim || now / seconds(1) - victim->asked() < hollow_rest_seconds || !may_break_off(*victim, now)) victim = &watch;
    retire(*victim, nothing_kept_for, now);
}

bool ServiceTable::make_room(Now now) {
    const std::size_t max = context_.options.consul_watch_max;
    if (unpinned() < max) return true;
    if (max == 0) return false;
    const auto unasked = [&](const ServiceWatch* watch) { return now / seconds(1) - watch->asked(); };
    ServiceWatch* victim = least_asked(true);
    if (!victim || unasked(victim) < hollow_rest_seconds) victim = least_asked(false);
    if (!victim || unasked(victim) < (victim->hollow() ? hollow_rest_seconds : evict_unasked_seconds)) return false;
    if (!may_break_off(*victim, now)) return false;
    retire(*victim, Now(0), now);
    return true;
}

bool ServiceTable::idle(const ServiceWatch& watch, Now now) const {
    // While contact is lost the last known facts are all there is.
    if (context_.contact.lost() && !watch.hollow()) return false;
    const auto limit = watch.hollow() ? std::min(hollow_idle, context_.options.consul_watch_idle) : context_.options.consul_watch_idle;
    return now / seconds(1) - watch.asked() > limit.count();
}

ServiceWatch* ServiceTable::least_asked(bool hollow) const {
    ServiceWatch* least = nullptr;
    for (const auto& [key, watch] : watches_) {
        if (watch->pinned || watch->loading() || watch->hollow() != hollow) continue;
        if (!least || watch->asked() < least->asked()) least = watch.get();
    }
    return least;
}

bool ServiceTable::may_break_off(const ServiceWatch& watch, Now now) {
    if (!watch.in_flight()) return true;
    while (!broken_off_.empty() && broken_off_.front() <= now) broken_off_.pop_front();
    return broken_off_.size() < broken_off_max;
}

bool ServiceTable::may_read(Now now) {
    tokens_ = std::min(reads_burst, tokens_ + reads_per_second * std::chrono::duration<double>(now - std::exchange(tokens_at_, now)).count());
    if (tokens_ < 1) return false;
    tokens_ -= 1;
    return true;
}

void ServiceTable::retire(ServiceWatch& watch, Now keep, Now now) {
    const auto key = watch.key();
    const auto entry = watch.entry();
    if (watch.in_flight()) broken_off_.push_back(now + broken_off_for);
    if (std::exchange(watch.first, false)) --first_reads_;
    watch.end();
    watch.halt();
    const auto found = watches_.find(key);
    retired_.push_back(std::move(found->second));
    watches_.erase(found);
    if (entry->state == FactState::known && !entry->instances.empty()) {
        if (!attic_.count(key)) attic_order_.push_back(key);
        attic_[key] = entry;
        while (attic_.size() > 4 * std::size_t{std::max(1u, context_.options.consul_watch_max)} && !attic_order_.empty()) {
            attic_.erase(attic_order_.front());
            attic_order_.pop_front();
        }
    }
    if (keep > Now(0) && brief_.size() < brief_max) brief_[key] = now + keep;
    else context_.builder.drop_service(key);
}

void ServiceTable::put_brief(const std::string& name, const std::string& datacenter, FactState state, std::string why, bool no_datacenter,
                             Now until) {
    if (brief_.size() >= brief_max) {
        // A flood of names: the one that would go next goes now.
        const auto first = std::min_element(brief_.begin(), brief_.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
        context_.counters.wants_dropped.add();
        context_.builder.drop_service(first->first);
        brief_.erase(first);
    }
    auto entry = std::make_shared<ServiceEntry>();
    entry->name = name;
    entry->datacenter = datacenter;
    entry->state = state;
    entry->why = std::move(why);
    entry->no_datacenter = no_datacenter;
    entry->version = context_.builder.next_version();
    entry->since = Loop::now();
    const auto key = service_key(name, datacenter);
    brief_[key] = until;
    context_.builder.put_service(key, std::move(entry));
}

void ServiceTable::pin(const std::set<std::string>& names) {
    const Now now = Loop::now();
    for (const auto& [key, watch] : watches_) watch->pinned = names.count(key) > 0;
    for (const auto& name : names)
        if (!watches_.count(name)) add(name, {}, true, now);
}

void ServiceTable::tick(Now now) {
    retired_.clear();
    for (auto at = brief_.begin(); at != brief_.end();) {
        if (now < at->second) {
            ++at;
            continue;
        }
        context_.builder.drop_service(at->first);
        at = brief_.erase(at);
    }
    std::erase_if(missing_datacenters_, [now](const auto& each) { return now >= each.second; });
    std::vector<ServiceWatch*> over;
    for (const auto& [key, watch] : watches_) {
        watch->look(now);
        // Those in flight are judged when their reply comes: nothing is broken off for being idle.
        if (!watch->pinned && !watch->in_flight() && !watch->loading() && idle(*watch, now)) over.push_back(watch.get());
    }
    for (auto* watch : over) retire(*watch, Now(0), now);
    context_.counters.consul_watches.set(watches_.size());
}

void ServiceTable::park_queued() {
    for (const auto& key : std::exchange(queue_, {}))
        if (const auto found = watches_.find(key); found != watches_.end()) found->second->start();
}

void ServiceTable::remember(const std::vector<std::shared_ptr<const ServiceEntry>>& entries) {
    for (const auto& entry : entries) {
        if (attic_.size() >= 4 * std::size_t{std::max(1u, context_.options.consul_watch_max)}) return;
        const auto key = service_key(entry->name, entry->datacenter);
        if (attic_.emplace(key, entry).second) attic_order_.push_back(key);
    }
}

void ServiceTable::restart() {
    queue_.clear();
    for (const auto& [key, watch] : watches_) watch->restart();
}

void ServiceTable::tally(WatchTally& tally) const {
    for (const auto& [key, watch] : watches_) {
        if (!watch->entry()->datacenter.empty()) continue;
        if (watch->failing()) ++tally.failing;
        else if (watch->last_good()) ++tally.fine;
    }
}

bool ServiceTable::pinned_known() const {
    return std::all_of(watches_.begin(), watches_.end(),
                       [](const auto& each) { return !each.second->pinned || each.second->entry()->state == FactState::known; });
}

std::size_t ServiceTable::unpinned() const {
    return static_cast<std::size_t>(
        std::count_if(watches_.begin(), watches_.end(), [](const auto& each) { return !each.second->pinned; }));
}

std::size_t ServiceTable::hollow() const {
    return static_cast<std::size_t>(
        std::count_if(watches_.begin(), watches_.end(), [](const auto& each) { return !each.second->pinned && each.second->hollow(); }));
}

std::shared_ptr<const ServiceEntry> ServiceTable::find(const std::string& key) const {
    const auto found = watches_.find(key);
    return found == watches_.end() ? nullptr : found->second->entry();
}

}  // namespace lictor
