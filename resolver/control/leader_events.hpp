// Notifies the clients of /events and the operator's programs (leader-exec) of a change of leader. Used on the control thread only.
#pragma once

#include <memory>
#include <string>

#include "resolver/cut/leader_cuts.hpp"
#include "resolver/endpoint/server.hpp"
#include "resolver/failover/event_ring.hpp"
#include "resolver/hooks/runner.hpp"

namespace lictor::control {

/// Owns the ring of the latest events and the runner of the operator's programs (hooks).
class LeaderEvents {
public:
    /// `process`: null without leader-exec. `stats`: null without a stats endpoint; must outlive this object.
    /// `started_unix`: start of this process in Unix seconds. It is part of each event's id, so that ids from an earlier process are
    /// recognized.
    LeaderEvents(loop::Loop& loop, std::unique_ptr<hooks::HookProcess> process, endpoint::StatsServer* stats,
                 metrics::ControlCounters& counters, std::int64_t started_unix);

    /// A leader was withdrawn: sends the event `withdrawn`. A new leader may now be answered: sends the event `leader` and runs the
    /// operator's programs.
    void on_leader_change(const failover::LeaderChange& change);
    /// Every worker uses the View with the new leader: sends the event `failover`.
    void on_failover_done(const failover::FailoverRecord& record);
    /// The connections to a deposed leader are ended, and no more will be: sends the event `cut`.
    void on_cuts_finished(const cut::LeaderCuts::Finished& cut);
    /// The ring, for /events. Valid as long as this object.
    const failover::EventRing& ring() const { return ring_; }

private:
    void send(std::string_view type, const std::string& json);

    endpoint::StatsServer* const stats_;
    failover::EventRing ring_;
    std::unique_ptr<hooks::HookRunner> runner_;
};

}  // namespace lictor::control
