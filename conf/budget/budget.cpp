// Takes blocks from the Budget and gives them back.
#include "conf/budget/budget.hpp"

#include <algorithm>
#include <limits>
#include <numeric>

namespace lictor::budget {
namespace {

constexpr std::size_t block = 16 * 1024;
constexpr std::size_t spare_max = 4 * block;  // kept after a decrease, so that a number that goes up and down takes nothing each time

}  // namespace

Account::~Account() {
    if (budget_) budget_->taken_.fetch_sub(taken_, std::memory_order_relaxed);
}

void Account::open(Budget& budget) {
    budget_ = &budget;
    set(Kind::stats, used(Kind::stats));  // takes what is entered already
}

std::size_t Account::part(unsigned percent) const {
    return budget_ ? static_cast<std::size_t>(budget_->max() / 100 * percent) : std::numeric_limits<std::size_t>::max();
}

std::size_t Account::room(Kind kind) const {
    if (!budget_) return std::numeric_limits<std::size_t>::max();
    const KindRow& row = kind_rows[index(kind)];
    const std::size_t limit = part(row.percent), mine = used(kind);
    const std::size_t in_use = budget_->taken() - taken_ + total_;  // the spare bytes of this account are free for it
    return std::max(in_use < limit ? limit - in_use : 0, mine < row.always ? row.always - mine : 0);
}

void Account::set(Kind kind, std::size_t bytes) {
    auto& mine = used_[index(kind)];
    total_ = total_ - mine.load(std::memory_order_relaxed) + bytes;
    mine.store(bytes, std::memory_order_relaxed);
    if (!budget_ || (total_ <= taken_ && taken_ - total_ <= spare_max)) return;
    const std::size_t wanted = (total_ + block - 1) / block * block;
    budget_->taken_.fetch_add(wanted - taken_, std::memory_order_relaxed);  // modulo 2^64: it may be a decrease
    taken_ = wanted;
}

void Report::add(const Account& account) {
    for (std::size_t i = 0; i < kinds; ++i) {
        used[i] += account.used(static_cast<Kind>(i));
        shed[i] += account.shed(static_cast<Kind>(i));
    }
}

std::uint64_t Report::used_in_all() const { return std::accumulate(used.begin(), used.end(), std::uint64_t{0}); }
std::uint64_t Report::shed_for_clients() const {
    return std::accumulate(shed.begin(), shed.end(), std::uint64_t{0}) - shed[static_cast<std::size_t>(Kind::cache)];
}

}  // namespace lictor::budget
