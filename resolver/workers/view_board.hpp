// The newest View, put by the control thread and taken by the workers: they read one atomic number before each batch, and take the lock
// only if it has changed.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "resolver/core/resolver.hpp"
#include "watch/loop/guarded.hpp"

namespace lictor::workers {

/// One thread puts Views; any thread may take them.
class ViewBoard {
public:
    /// `view` is not null; its generation is greater than that of the View before. Used on the control thread only.
    void put(std::shared_ptr<const view::View> view) {
        const auto generation = view->generation;
        view_.set(std::move(view));
        generation_.store(generation, std::memory_order_release);
    }
    /// Of the newest View; 0 before the first. A View taken after this call is at least as new.
    std::uint64_t generation() const noexcept { return generation_.load(std::memory_order_acquire); }
    /// The newest View; it stays on the board. Null before the first `put`.
    std::shared_ptr<const view::View> take() const { return view_.get(); }

private:
    std::atomic<std::uint64_t> generation_{0};
    loop::Guarded<std::shared_ptr<const view::View>> view_;
};

}  // namespace lictor::workers
