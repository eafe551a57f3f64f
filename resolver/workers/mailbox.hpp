// The messages of the workers to the control thread: facts of Consul that are needed, queries to compare, upstreams in a loop, results of
// orders, and the notice that a View was taken. The length of every list is limited. The control thread is woken and takes all messages at
// once.
#pragma once

#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "resolver/core/resolver.hpp"
#include "resolver/shadow/compare.hpp"
#include "watch/loop/guarded.hpp"

namespace lictor::workers {

/// What a worker did for an order of the control thread.
struct OrderResult {
    std::uint64_t order = 0;  ///< its number
    unsigned worker = 0;
    std::size_t removed = 0;                       ///< of a flush: cache entries
    std::optional<core::Explanation> explanation;  ///< of an explanation
};

/// Thread-safe.
class Mailbox {
public:
    /// In the order of arrival; the same entry may occur more than once.
    struct Mail {
        std::vector<catalog::Need> requests;       ///< facts of Consul that queries need
        std::vector<shadow::ShadowQuery> samples;  ///< clients' queries, for the comparison
        std::vector<Endpoint> loops;               ///< upstreams whose loop probe came back
        std::vector<OrderResult> results;
        bool seen = false;                   ///< a worker took a newer View, or ended
        std::uint64_t requests_dropped = 0;  ///< needs beyond the bound, since the start
    };

    /// `wake` is called on a worker's thread after each message that was kept. It must not block.
    explicit Mailbox(std::function<void()> wake) : wake_(std::move(wake)) {}

    // ---- workers' threads
    /// At most 4096 needs, 64 samples, 64 loops and 4096 results are kept; further ones are dropped. They do not wait for the control
    /// thread.
    void request(const catalog::Need& need);
    void sampled(const answer::Sampled& sample);
    void loop_found(const Endpoint& upstream);
    void done(OrderResult result);
    /// The worker has taken a newer View, or has ended.
    void seen();

    // ---- control thread
    /// Everything since the last call.
    Mail take();

private:
    std::function<void()> wake_;
    loop::Guarded<Mail> mail_;
};

}  // namespace lictor::workers
