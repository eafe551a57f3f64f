// Numbers of orders are never used again, so a late result is dropped.
#include "resolver/control/orders.hpp"

#include <algorithm>

namespace lictor::control {
namespace {

constexpr std::size_t orders_max = 64;
constexpr microseconds wait_max = seconds(1);

}  // namespace

Orders::Orders(loop::Loop& loop, workers::WorkerPool& pool) : pool_(pool), timer_(loop, [this] { on_time(); }) {}

std::uint64_t Orders::begin(std::function<void(std::vector<workers::OrderResult>)> done) {
    if (orders_.size() >= orders_max || pool_.size() == 0) {
        done({});
        return 0;
    }
    orders_.emplace(next_, Order{loop::Loop::now() + wait_max, {}, std::move(done)});
    if (!timer_.active()) timer_.start(wait_max);
    return next_++;
}

void Orders::end(std::uint64_t number) {
    auto ended = orders_.extract(number);
    auto& results = ended.mapped().results;
    std::ranges::sort(results, {}, &workers::OrderResult::worker);
    ended.mapped().done(std::move(results));
}

void Orders::on_time() {
    const Now now = loop::Loop::now();
    std::vector<std::uint64_t> late;
    for (const auto& [number, order] : orders_)
        if (order.deadline <= now) late.push_back(number);
    for (const auto number : late) end(number);
    if (!orders_.empty()) timer_.start(std::max<microseconds>(orders_.begin()->second.deadline - now, milliseconds(1)));
}

void Orders::take(std::vector<workers::OrderResult> results) {
    for (auto& result : results) {
        const auto found = orders_.find(result.order);
        if (found == orders_.end()) continue;
        const std::uint64_t number = result.order;
        found->second.results.push_back(std::move(result));
        if (found->second.results.size() == pool_.size()) end(number);
    }
}

void Orders::flush(const std::optional<wire::Name>& suffix, documents::Flushed done) {
    const std::size_t workers = pool_.size();
    const auto order = begin([done = std::move(done), workers](const std::vector<workers::OrderResult>& results) {
        if (results.size() < workers) return done(std::nullopt);
        std::size_t removed = 0;
        for (const auto& result : results) removed += result.removed;
        done(removed);
    });
    pool_.flush(suffix, order);  // also if nobody awaits the result
}

void Orders::explain(const wire::Name& name, std::uint16_t type, std::function<void(std::vector<documents::WorkerExplanation>)> done) {
    const auto order = begin([done = std::move(done)](std::vector<workers::OrderResult> results) {
        std::vector<documents::WorkerExplanation> all;
        for (auto& result : results)
            if (result.explanation) all.push_back({result.worker, *std::move(result.explanation)});
        done(std::move(all));
    });
    if (order) pool_.explain(name, type, order);
}

}  // namespace lictor::control
