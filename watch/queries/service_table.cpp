// Decides which services are added, which are removed, and how many are watched.
#include "watch/queries/service_table.hpp"

#include <algorithm>
#include <utility>

#include "conf/metrics/metrics.hpp"
#include "conf/options/consul.hpp"

namespace lictor::queries {
namespace {

constexpr std::size_t name_bytes_max = 63;   // of a DNS label
constexpr std::size_t first_reads_max = 16;  // in flight
constexpr double reads_per_second = 200, reads_burst = 200;
constexpr std::size_t unwatched_max = 512, datacenters_max = 64, cancelled_max = 32;
constexpr Now cancelled_for = seconds(65);  // longer than the longest wait: 60 s and a sixteenth
constexpr Now empty_kept_for = seconds(1), delegated_for = seconds(5), burst_for = seconds(1), missing_datacenter_for = seconds(5);
constexpr seconds empty_idle{30};
constexpr std::int64_t empty_rest_seconds = 2, evict_idle_seconds = 60;

bool is_label(const std::string& label) {
    return label.size() <= name_bytes_max &&
           std::all_of(label.begin(), label.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f; });
}

}  // namespace

void ServiceTable::request(const std::string& name, const std::string& datacenter, Now now) {
    if (name.empty() || name.find('\0') != std::string::npos || datacenter.find('\0') != std::string::npos) return;
    const auto key = catalog::service_key(name, datacenter);
    if (const auto found = watches_.find(key); found != watches_.end()) return found->second->touch(now);
    if (unwatched_.count(key)) return;
    if (!is_label(name) || !is_label(datacenter))
        return put_unwatched({.name = name, .datacenter = datacenter, .state = catalog::FactState::known}, now + delegated_for);
    const auto missing = missing_datacenters_.find(datacenter);
    if (missing != missing_datacenters_.end() && now < missing->second)
        return put_unwatched({.name = name,
                              .datacenter = datacenter,
                              .state = catalog::FactState::failed,
                              .why = "no such datacenter",
                              .no_datacenter = true},
                             now + missing_datacenter_for);
    const bool room = make_room(now);
    if (!room || !may_read(now)) {
        context_.counters.consul_watches_refused.add();
        return put_unwatched({.name = name, .datacenter = datacenter, .state = catalog::FactState::delegated},
                             now + (room ? burst_for : delegated_for));
    }
    add(name, datacenter, now);
}

ServiceWatch& ServiceTable::add(const std::string& name, const std::string& datacenter, Now now) {
    const auto key = catalog::service_key(name, datacenter);
    unwatched_.erase(key);
    std::shared_ptr<const catalog::ServiceEntry> last;
    if (const auto kept = ended_.find(key); kept != ended_.end()) last = kept->second;
    auto made = std::make_unique<ServiceWatch>(context_, name, datacenter, std::move(last),
                                               ServiceWatch::Hooks{[this](ServiceWatch& watch) { on_replied(watch); }, changed_});
    auto& watch = *made;
    const bool at_once = !context_.contact.open() && !context_.contact.reachable();
    if (!at_once) queue_.push_back(key);  // a key without a watch is skipped
    watches_.emplace(key, std::move(made));
    if (datacenter.empty()) watch.count_in(&counts_);
    watch.first = false;
    watch.touch(now);
    if (at_once) watch.start();
    else start_queued();
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
    const Now now = loop::Loop::now();
    if (std::exchange(watch.first, false)) {
        --first_reads_;
        start_queued();
    }
    if (watch.pinned || watch.ended()) return;
    const auto& entry = *watch.entry();
    if (entry.state == catalog::FactState::failed && entry.no_datacenter) {
        if (missing_datacenters_.size() < datacenters_max) missing_datacenters_[entry.datacenter] = now + missing_datacenter_for;
        return retire(watch, missing_datacenter_for, now);
    }
    if (idle(watch, now)) return retire(watch, Now(0), now);
    if (watch.is_empty()) bound_empty(watch, now);
}

/// At most half of the watches may be without instances; beyond that the one whose last query is oldest ends.
void ServiceTable::bound_empty(ServiceWatch& watch, Now now) {
    if (empty() <= std::max<std::size_t>(1, context_.options.consul_watch_max / 2)) return;
    ServiceWatch* evicted = least_asked(Instances::none);
    if (!evicted || now / seconds(1) - evicted->asked() < empty_rest_seconds || !may_cancel(*evicted, now)) evicted = &watch;
    retire(*evicted, empty_kept_for, now);
}

bool ServiceTable::make_room(Now now) {
    const std::size_t max = context_.options.consul_watch_max;
    if (unpinned() < max) return true;
    if (max == 0) return false;
    const auto idle_seconds = [&](const ServiceWatch* watch) { return now / seconds(1) - watch->asked(); };
    ServiceWatch* evicted = least_asked(Instances::none);
    if (!evicted || idle_seconds(evicted) < empty_rest_seconds) evicted = least_asked(Instances::some);
    if (!evicted || idle_seconds(evicted) < (evicted->is_empty() ? empty_rest_seconds : evict_idle_seconds)) return false;
    if (!may_cancel(*evicted, now)) return false;
    retire(*evicted, Now(0), now);
    return true;
}

bool ServiceTable::idle(const ServiceWatch& watch, Now now) const {
    // While contact is lost the entries stay: they cannot be read again.
    if (context_.contact.lost() && !watch.is_empty()) return false;
    const auto limit = watch.is_empty() ? std::min(empty_idle, context_.options.consul_watch_idle) : context_.options.consul_watch_idle;
    return now / seconds(1) - watch.asked() > limit.count();
}

ServiceWatch* ServiceTable::least_asked(Instances instances) const {
    ServiceWatch* least = nullptr;
    for (const auto& [key, watch] : watches_) {
        if (watch->pinned || watch->loading() || watch->is_empty() != (instances == Instances::none)) continue;
        if (!least || watch->asked() < least->asked()) least = watch.get();
    }
    return least;
}

bool ServiceTable::may_cancel(const ServiceWatch& watch, Now now) {
    if (!watch.in_flight()) return true;
    while (!cancelled_.empty() && cancelled_.front() <= now) cancelled_.pop_front();
    return cancelled_.size() < cancelled_max;
}

bool ServiceTable::may_read(Now now) {
    tokens_ =
        std::min(reads_burst, tokens_ + reads_per_second * std::chrono::duration<double>(now - std::exchange(tokens_at_, now)).count());
    if (tokens_ < 1) return false;
    tokens_ -= 1;
    return true;
}

void ServiceTable::retire(ServiceWatch& watch, Now keep, Now now) {
    // First all that needs memory: without it nothing has changed, and the next tick tries again.
    const auto key = watch.key();
    keep_for_outage(key, watch.entry());
    retired_.emplace_back();
    if (watch.in_flight()) cancelled_.push_back(now + cancelled_for);
    if (keep > Now(0) && unwatched_.size() < unwatched_max) unwatched_[key] = now + keep;
    else context_.builder.drop_service(key);

    if (std::exchange(watch.first, false)) --first_reads_;
    watch.end();
    watch.halt();
    watch.count_in(nullptr);
    const auto found = watches_.find(key);
    retired_.back() = std::move(found->second);
    watches_.erase(found);
}

/// Keeps the entry of a watch that ends, within a bound, if it has instances.
void ServiceTable::keep_for_outage(const std::string& key, const std::shared_ptr<const catalog::ServiceEntry>& entry) {
    if (entry->state != catalog::FactState::known || entry->instances.empty()) return;
    const bool made = ended_.insert_or_assign(key, entry).second;
    try {
        if (made) ended_order_.push_back(key);
    } catch (const std::bad_alloc&) {
        ended_.erase(key);  // what is not in the order would never be forgotten
        throw;
    }
    while (ended_.size() > 4 * std::size_t{std::max(1u, context_.options.consul_watch_max)} && !ended_order_.empty()) {
        ended_.erase(ended_order_.front());
        ended_order_.pop_front();
    }
}

void ServiceTable::put_unwatched(catalog::ServiceEntry entry, Now until) {
    if (unwatched_.size() >= unwatched_max) {
        // A flood of names: the entry with the least time left goes first.
        const auto first = std::ranges::min_element(unwatched_, {}, [](const auto& each) { return each.second; });
        context_.counters.wants_dropped.add();
        context_.builder.drop_service(first->first);
        unwatched_.erase(first);
    }
    entry.version = context_.builder.next_version();
    entry.since = loop::Loop::now();
    const auto key = catalog::service_key(entry.name, entry.datacenter);
    unwatched_[key] = until;
    context_.builder.put_service(key, std::make_shared<const catalog::ServiceEntry>(std::move(entry)));
}

void ServiceTable::pin(const std::set<std::string>& names) {
    const Now now = loop::Loop::now();
    for (const auto& [key, watch] : watches_) watch->pinned = names.count(key) > 0;
    for (const auto& name : names)
        if (!watches_.count(name)) add(name, {}, now).pinned = true;
    pinned_ = names.size();
}

void ServiceTable::on_tick(Now now) {
    retired_.clear();
    for (auto at = unwatched_.begin(); at != unwatched_.end();) {
        if (now < at->second) {
            ++at;
            continue;
        }
        context_.builder.drop_service(at->first);
        at = unwatched_.erase(at);
    }
    std::erase_if(missing_datacenters_, [now](const auto& each) { return now >= each.second; });
    std::vector<ServiceWatch*> over;
    for (const auto& [key, watch] : watches_) {
        watch->on_tick(now);
        // A watch in flight is judged when its reply comes: no request is cancelled because the service is idle.
        if (!watch->pinned && !watch->in_flight() && !watch->loading() && idle(*watch, now)) over.push_back(watch.get());
    }
    for (auto* watch : over) retire(*watch, Now(0), now);
    context_.counters.consul_watches.set(watches_.size());
}

void ServiceTable::park_queued() {
    for (const auto& key : std::exchange(queue_, {}))
        if (const auto found = watches_.find(key); found != watches_.end()) found->second->start();
}

void ServiceTable::use_saved(const std::vector<std::shared_ptr<const catalog::ServiceEntry>>& entries) {
    for (const auto& entry : entries) {
        if (ended_.size() >= 4 * std::size_t{std::max(1u, context_.options.consul_watch_max)}) return;
        const auto key = catalog::service_key(entry->name, entry->datacenter);
        if (ended_.emplace(key, entry).second) ended_order_.push_back(key);
    }
}

bool ServiceTable::pinned_known() const {
    return std::all_of(watches_.begin(), watches_.end(),
                       [](const auto& each) { return !each.second->pinned || each.second->entry()->state == catalog::FactState::known; });
}

std::size_t ServiceTable::empty() const {
    return static_cast<std::size_t>(
        std::count_if(watches_.begin(), watches_.end(), [](const auto& each) { return !each.second->pinned && each.second->is_empty(); }));
}

std::shared_ptr<const catalog::ServiceEntry> ServiceTable::find(const std::string& key) const {
    const auto found = watches_.find(key);
    return found == watches_.end() ? nullptr : found->second->entry();
}

}  // namespace lictor::queries
