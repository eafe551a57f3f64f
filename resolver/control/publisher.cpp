// Before each step the Views that a worker may still answer from are compared: none may name another leader than the one to be published.
#include "resolver/control/publisher.hpp"

#include <algorithm>
#include <utility>

#include "conf/base/printable.hpp"
#include "conf/log/log.hpp"
#include "conf/metrics/metrics.hpp"
#include "resolver/view/two_phase_publish.hpp"
#include "resolver/zone/leader.hpp"
#include "watch/catalog/give_way.hpp"
#include "watch/leader/leader.hpp"

namespace lictor::control {
namespace {

/// A worker reads the generation before every batch. One that does not do so for this long answers no queries either.
constexpr milliseconds worker_wait_max = milliseconds(1000);

}  // namespace

Publisher::Publisher(loop::Loop& loop, workers::ViewBoard& board, metrics::ControlCounters& counters, Hooks hooks)
    : board_(board), counters_(counters), hooks_(std::move(hooks)), worker_limit_(loop, [this] {
          log::error("a worker has not taken the newest view for a second; the new leader is published without it");
          worker_late_ = true;
          step();
      }) {}

void Publisher::offer(std::shared_ptr<const catalog::Catalog> catalog) {
    catalog_ = std::move(catalog);
    // At once, before any worker has the View: addresses that are no longer valid are not answered any more.
    view::depose(*current_->runtime, *catalog_, &loop::Loop::now);
    failovers_.on_facts(*catalog_);
    hooks_.offered(*catalog_);
    step();
}

void Publisher::offer(std::shared_ptr<const rules::Rules> rules) {
    rules_ = std::move(rules);
    step();
}

void Publisher::on_seen() {
    retire();
    report_done();
    step();
}

std::uint64_t Publisher::oldest_seen() const {
    const auto seen = hooks_.seen();
    return seen.empty() ? generation_ : *std::min_element(seen.begin(), seen.end());
}

void Publisher::report_done() {
    for (const auto number : failovers_.on_all_workers(oldest_seen(), loop::Loop::now()))
        if (const auto* record = failovers_.find(number)) hooks_.failover_done(*record);
}

void Publisher::retire() {
    const auto oldest = oldest_seen();
    while (retained_.size() > 1 && retained_.front()->generation < oldest) retained_.pop_front();
    counters_.views_retained.set(retained_.size());
}

void Publisher::report(documents::Status& status) const {
    status.view = current_;
    status.failovers = &failovers_;
    status.consul_on = current_->catalog->consul_on || catalog::gives_way(*current_->catalog);
}

void Publisher::step() {
    note();
    if (current_->catalog == catalog_ && current_->rules == rules_) {
        worker_limit_.stop();
        worker_late_ = false;
        return;
    }
    retire();
    std::vector<std::shared_ptr<const catalog::Catalog>> in_use;
    if (!std::exchange(worker_late_, false))
        for (const auto& view : retained_) in_use.push_back(view->catalog);
    const auto next = view::next_step(catalog_, current_->catalog, in_use);
    if (next.show) put(next.show);
    if (next.done) worker_limit_.stop();
    else if (!worker_limit_.active()) worker_limit_.start(worker_wait_max);
}

void Publisher::put(std::shared_ptr<const catalog::Catalog> catalog) {
    auto view = std::make_shared<view::View>();
    view->generation = ++generation_;
    view->catalog = std::move(catalog);
    view->rules = rules_;
    const Moment at = loop::Loop::moment();
    view->runtime = view::next_runtime(current_->runtime, *view->catalog, at.unix_seconds, marks_);
    view->soa_zones = soa_zones(*view, at);
    retained_.push_back(view);  // without memory the next step tries all of this again
    current_ = view;
    counters_.views_published.add();
    counters_.views_retained.set(retained_.size());
    board_.put(view);
    hooks_.wake();
    note();
}

/// What follows from the current View: counts, records, programs. Without memory the next step does it.
void Publisher::note() {
    if (noted_ == current_) return;
    for (const auto& change : failovers_.on_view(*current_, loop::Loop::moment())) hooks_.leader_changed(change);
    count_leader_changes(*noted_->catalog, *current_->catalog);
    noted_ = current_;
}

/// Made anew only if leaders, rules or Consul's domains changed.
std::shared_ptr<const view::SoaZones> Publisher::soa_zones(const view::View& next, Moment at) const {
    if (next.runtime == current_->runtime && next.rules == current_->rules && next.catalog->leaders == current_->catalog->leaders &&
        next.catalog->settings == current_->catalog->settings)
        return current_->soa_zones;
    const auto leader_behind = [&](const wire::Name& target) { return zone::leader_behind(target, *next.catalog, *next.runtime); };
    return view::next_soa_zones(current_->soa_zones, *next.rules, leader_behind, at.unix_seconds, soa_marks_);
}

void Publisher::count_leader_changes(const catalog::Catalog& before, const catalog::Catalog& after) {
    const auto place = [](const catalog::LeaderEntry& entry) {
        return entry.member + " at " + entry.host.text + (entry.port ? ":" + std::to_string(entry.port) : "");
    };
    for (const auto& [service, entry] : *after.leaders) {
        const auto old = before.leaders->find(service);
        if (old == before.leaders->end() ||
            (old->second->state == entry->state && !view::leads_elsewhere(before, *old->second, after, *entry)))
            continue;
        const bool led = old->second->state == catalog::LeaderState::led, leads = entry->state == catalog::LeaderState::led;
        if (led && !leads) counters_.leader_withdrawals.add();
        if ((!led && leads) || (entry->state == catalog::LeaderState::unreadable && old->second->state == entry->state))
            counters_.leader_changes.add();
        log::info("leader of " + printable(service) + ": " + leader::word(entry->state) +
                  (leads || led ? ", " + printable(place(leads ? *entry : *old->second)) : "") + " (" + leader::word(entry->reason) + ")");
    }
}

}  // namespace lictor::control
