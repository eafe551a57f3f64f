// Orders to all workers whose results are awaited: to flush their caches, and to explain a name. A result that does not come within a
// second, because a worker hangs, is not waited for any longer. Used on the control thread only.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "resolver/documents/explain.hpp"
#include "resolver/documents/routes.hpp"
#include "resolver/workers/worker_pool.hpp"
#include "watch/loop/loop.hpp"

namespace lictor::control {

/// At most 64 orders at a time; further ones end at once, without a result.
class Orders {
public:
    /// Both must outlive this object.
    Orders(loop::Loop& loop, workers::WorkerPool& pool);

    /// Each calls `done` once, perhaps during the call; not after this object is destroyed.
    void flush(const std::optional<wire::Name>& suffix, documents::Flushed done);
    /// `done` gets the explanations by the number of their worker, without those that did not come in time.
    void explain(const wire::Name& name, std::uint16_t type, std::function<void(std::vector<documents::WorkerExplanation>)> done);
    /// Results from the mailbox.
    void take(std::vector<workers::OrderResult> results);

private:
    struct Order {
        Now deadline{};
        std::vector<workers::OrderResult> results;
        std::function<void(std::vector<workers::OrderResult>)> done;
    };
    std::uint64_t begin(std::function<void(std::vector<workers::OrderResult>)> done);
    void end(std::uint64_t number);
    void on_time();

    workers::WorkerPool& pool_;
    std::map<std::uint64_t, Order> orders_;
    std::uint64_t next_ = 1;
    loop::Timer timer_;
};

}  // namespace lictor::control
