// Each step looks at the Views that a worker may still answer from: none of them may name another leader than the one to be published.
#include "resolver/publisher.hpp"

#include <algorithm>

#include "conf/log.hpp"
#include "resolver/core/succession.hpp"
#include "watch/leader.hpp"

namespace lictor {
namespace {

/// A worker looks at the generation before every batch; one that stands still longer than this answers nobody anyway.
constexpr milliseconds patience = milliseconds(1000);

}  // namespace

Publisher::Publisher(Loop& loop, ViewBoard& board, ControlCounters& counters, Hooks hooks)
    : board_(board), counters_(counters), hooks_(std::move(hooks)), patience_(loop, [this] {
          log::error("a worker has not taken over the newest view for a second; going on without it");
          out_of_patience_ = true;
          step();
      }) {}

void Publisher::offer(std::shared_ptr<const Catalog> catalog) {
    catalog_ = std::move(catalog);
    // Before any worker has the View: what is not to be told any more is not told any more.
    depose(*current_->book, *catalog_, &Loop::now);
    failovers_.on_facts(*catalog_);
    step();
}

void Publisher::offer(std::shared_ptr<const Rules> rules) {
    rules_ = std::move(rules);
    step();
}

void Publisher::on_seen() {
    retire();
    tell_done();
    step();
}

void Publisher::tell_done() {
    const auto seen = hooks_.seen();
    const auto oldest = seen.empty() ? generation_ : *std::min_element(seen.begin(), seen.end());
    for (const auto number : failovers_.on_everyone(oldest, Loop::now()))
        if (const auto* record = failovers_.find(number); record && hooks_.done) hooks_.done(*record);
}

void Publisher::retire() {
    const auto seen = hooks_.seen();
    const auto oldest = seen.empty() ? generation_ : *std::min_element(seen.begin(), seen.end());
    while (retained_.size() > 1 && retained_.front()->generation < oldest) retained_.pop_front();
    counters_.views_retained.set(retained_.size());
}

void Publisher::step() {
    if (current_->catalog == catalog_ && current_->rules == rules_) return;
    retire();
    std::vector<std::shared_ptr<const Catalog>> in_use;
    if (!std::exchange(out_of_patience_, false))
        for (const auto& view : retained_) in_use.push_back(view->catalog);
    const auto turn = next_turn(catalog_, current_->catalog, in_use);
    if (turn.show) put(turn.show);
    if (turn.done) patience_.stop();
    else if (!patience_.active()) patience_.start(patience);
}

void Publisher::put(std::shared_ptr<const Catalog> catalog) {
    auto view = std::make_shared<View>();
    view->generation = ++generation_;
    view->catalog = std::move(catalog);
    view->rules = rules_;
    const Moment at = Loop::moment();
    view->book = next_book(current_->book, *view->catalog, at.unix_seconds, marks_);
    count_leader_changes(*current_->catalog, *view->catalog);
    current_ = view;
    retained_.push_back(view);
    counters_.views_published.add();
    counters_.views_retained.set(retained_.size());
    board_.put(view);
    hooks_.wake();
    for (const auto& item : failovers_.on_view(*view, at))
        if (hooks_.news) hooks_.news(item);
}

void Publisher::count_leader_changes(const Catalog& before, const Catalog& after) {
    const auto place = [](const LeaderEntry& entry) {
        return entry.member + " at " + entry.host.text + (entry.port ? ":" + std::to_string(entry.port) : "");
    };
    for (const auto& [service, entry] : *after.leaders) {
        const auto old = before.leaders->find(service);
        if (old == before.leaders->end() || (old->second->state == entry->state && !leads_elsewhere(before, *old->second, after, *entry))) continue;
        const bool led = old->second->state == LeaderState::led, leads = entry->state == LeaderState::led;
        if (led && !leads) counters_.leader_withdrawals.add();
        if ((!led && leads) || (entry->state == LeaderState::unreadable && old->second->state == entry->state)) counters_.leader_changes.add();
        log::info("leader of " + log::printable(service) + ": " + word(entry->state) +
                  (leads || led ? ", " + log::printable(place(leads ? *entry : *old->second)) : "") + " (" + word(entry->reason) + ")");
    }
}

}  // namespace lictor
