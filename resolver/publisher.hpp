// Hands Views to the workers, in two steps where a leader moved (core/succession.hpp), and retires them on the control thread once every
// worker has gone on. Control thread only.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "conf/metrics.hpp"
#include "resolver/core/failovers.hpp"
#include "resolver/view_board.hpp"
#include "watch/loop/loop.hpp"

namespace lictor {

class Publisher {
public:
    struct Hooks {
        std::function<void()> wake;                           ///< wakes every worker
        std::function<std::vector<std::uint64_t>()> seen;     ///< generation each worker stands at
        std::function<void(const LeaderNews&)> news = {};          ///< a leader was withdrawn or became answerable; the View with it is out
        std::function<void(const FailoverRecord&)> done = {};      ///< a change of leader has reached every worker
    };
    Publisher(Loop& loop, ViewBoard& board, ControlCounters& counters, Hooks hooks);

    void offer(std::shared_ptr<const Catalog> catalog);
    void offer(std::shared_ptr<const Rules> rules);
    /// A worker went on to a newer View.
    void on_seen();

    const std::shared_ptr<const View>& current() const { return current_; }
    const Failovers& failovers() const { return failovers_; }

private:
    void step();
    void put(std::shared_ptr<const Catalog> catalog);
    void retire();
    void count_leader_changes(const Catalog& before, const Catalog& after);
    void tell_done();

    ViewBoard& board_;
    ControlCounters& counters_;
    Hooks hooks_;
    std::shared_ptr<const Catalog> catalog_ = std::make_shared<Catalog>();  ///< the newest offered
    std::shared_ptr<const Rules> rules_ = std::make_shared<Rules>();
    std::shared_ptr<const View> current_ = std::make_shared<View>();
    std::deque<std::shared_ptr<const View>> retained_;  ///< may still be in use, oldest first; the last is `current_`
    std::uint64_t generation_ = 0;
    Failovers failovers_;
    Timer patience_;
    bool out_of_patience_ = false;
};

}  // namespace lictor
