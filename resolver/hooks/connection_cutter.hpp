// Has connections to deposed leaders ended (leader-cut): sends the places that are due (cut/leader_cuts.hpp) to the process that may do it,
// and reports how many ended. Used on the control thread only.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "conf/metrics/metrics_fwd.hpp"
#include "resolver/cut/leader_cuts.hpp"
#include "resolver/hooks/cut_process.hpp"
#include "watch/loop/loop.hpp"

namespace lictor::hooks {

/// Nothing blocks. One request is under way at a time; what becomes due meanwhile follows in the next. If the process ends, that is logged
/// and counted, and no connection is ended until lictor is restarted.
class ConnectionCutter {
public:
    struct Hooks {
        std::function<void(const std::string& service, std::uint64_t connections)> ended;  ///< connections to its deposed leader
        std::function<void(const cut::LeaderCuts::Finished&)> finished;
    };
    /// `process` is not null; its warning is logged. `loop` and `counters` must outlive this object.
    ConnectionCutter(loop::Loop& loop, std::unique_ptr<CutProcess> process, metrics::ControlCounters& counters, Hooks hooks);

    /// A Catalog was offered. To be called after the workers were told to answer no deposed leader (view::depose), and before a View with
    /// this Catalog is published: from its return on, no connection to a leader of the Catalog that is made later is ended.
    void on_catalog(const catalog::Catalog& offered);

private:
    void go_on();
    void on_readable();
    void on_reply(const CutReply& reply);
    void on_process_gone();
    void finish();

    std::unique_ptr<CutProcess> process_;
    metrics::ControlCounters& counters_;
    Hooks hooks_;
    cut::LeaderCuts cuts_;
    CutRequest request_;  ///< the last one
    bool waiting_ = false;
    bool alive_ = true;
    std::string last_problem_;
    loop::FdWatch watch_;
    loop::Timer timer_;
};

}  // namespace lictor::hooks
