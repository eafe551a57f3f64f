// Publishes Views to the workers, in two phases if a leader moved (view/two_phase_publish.hpp), and frees them on the control thread once
// no worker uses them. Used on the control thread only.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "conf/metrics/metrics_fwd.hpp"
#include "resolver/documents/status.hpp"
#include "resolver/failover/failovers.hpp"
#include "resolver/view/soa_zones.hpp"
#include "resolver/workers/view_board.hpp"
#include "watch/loop/loop.hpp"

namespace lictor::control {

/// Begins with an empty View of generation 0, which is not put on the board.
class Publisher {
public:
    /// Called during `offer` and `on_seen`, and by a timer.
    struct Hooks {
        /// A Catalog was offered. Workers answer no leader any more that it does not have; it is not published yet.
        std::function<void(const catalog::Catalog&)> offered;
        std::function<void()> wake;                        ///< wakes every worker
        std::function<std::vector<std::uint64_t>()> seen;  ///< the generation that each running worker has taken
        /// A leader was withdrawn or may now be answered; the View is published.
        std::function<void(const failover::LeaderChange&)> leader_changed;
        std::function<void(const failover::FailoverRecord&)> failover_done;  ///< every worker uses the View with the new leader
    };
    /// `loop`, `board` and `counters` must outlive this object.
    Publisher(loop::Loop& loop, workers::ViewBoard& board, metrics::ControlCounters& counters, Hooks hooks);

    /// Publishes the newest Catalog and Rules, at once or when every worker has left the old leader's address;
    /// 1 s later at the latest, which is logged. A Catalog takes effect on the leaders of the current View at once (view::depose).
    void offer(std::shared_ptr<const catalog::Catalog> catalog);
    void offer(std::shared_ptr<const rules::Rules> rules);
    /// Connections to a deposed leader were ended: counted in the fail-over record of its service.
    void on_connections_cut(const std::string& service, std::uint64_t connections) { failovers_.on_connections_cut(service, connections); }
    /// A worker took a newer View, or ended.
    void on_seen();

    /// The View that was published last; never null.
    const std::shared_ptr<const view::View>& current() const { return current_; }
    /// Serials from before a restart; before the first `offer`.
    void use_marks(view::LeaderMarks marks, view::SoaMarks soa_marks) {
        marks_ = std::move(marks);
        soa_marks_ = std::move(soa_marks);
    }
    /// The View in force and the fail-over records; `status.failovers` points into this object.
    void report(documents::Status& status) const;

private:
    void step();
    void note();
    void put(std::shared_ptr<const catalog::Catalog> catalog);
    std::shared_ptr<const view::SoaZones> soa_zones(const view::View& next, Moment at) const;
    void retire();
    void count_leader_changes(const catalog::Catalog& before, const catalog::Catalog& after);
    void report_done();
    std::uint64_t oldest_seen() const;

    workers::ViewBoard& board_;
    metrics::ControlCounters& counters_;
    Hooks hooks_;
    std::shared_ptr<const catalog::Catalog> catalog_ = std::make_shared<catalog::Catalog>();  ///< the newest offered
    std::shared_ptr<const rules::Rules> rules_ = rules::no_rules();
    std::shared_ptr<const view::View> current_ = std::make_shared<view::View>();
    std::shared_ptr<const view::View> noted_ = current_;      ///< the last one that `note` has done
    std::deque<std::shared_ptr<const view::View>> retained_;  ///< a worker may use them; oldest first, the last is `current_`
    std::uint64_t generation_ = 0;
    failover::Failovers failovers_;
    view::LeaderMarks marks_;
    view::SoaMarks soa_marks_;
    loop::Timer worker_limit_;
    bool worker_late_ = false;
};

}  // namespace lictor::control
