// Where the control thread puts the newest View and the workers take it from: one atomic number to look at before each batch, one
// pointer behind a lock that is taken only when the number moved.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>

#include "resolver/core/resolver.hpp"

namespace lictor {

class ViewBoard {
public:
    /// Control thread only.
    void put(std::shared_ptr<const View> view) {
        const auto generation = view->generation;
        {
            const std::lock_guard lock(mutex_);
            view_ = std::move(view);
        }
        generation_.store(generation, std::memory_order_release);
    }
    std::uint64_t generation() const noexcept { return generation_.load(std::memory_order_acquire); }
    std::shared_ptr<const View> take() const {
        const std::lock_guard lock(mutex_);
        return view_;
    }

private:
    std::atomic<std::uint64_t> generation_{0};
    mutable std::mutex mutex_;
    std::shared_ptr<const View> view_;
};

}  // namespace lictor
