// What the workers tell the control thread: needs of Consul's facts, questions to compare, an upstream that leads back here, and that a
// View was taken over. Every list is bounded; the control thread is woken and takes all at once.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

#include "resolver/core/resolver.hpp"
#include "resolver/core/shadow.hpp"

namespace lictor {

class Mailbox {
public:
    struct Mail {
        std::vector<Need> wants;
        std::vector<ShadowQuestion> samples;
        std::vector<Endpoint> loops;
        bool seen = false;                ///< some worker took a newer View over, or ended
        std::uint64_t wants_dropped = 0;  ///< since the start
    };

    /// `wake` is called on a worker's thread when there is something to take.
    explicit Mailbox(std::function<void()> wake) : wake_(std::move(wake)) {}

    // ---- workers' threads
    void want(const Need& need);
    void sampled(const Sampled& sample);
    void loop_found(const Endpoint& upstream);
    void seen();

    // ---- control thread
    Mail take();

private:
    std::function<void()> wake_;
    std::mutex mutex_;
    Mail mail_;  ///< guarded
};

}  // namespace lictor
