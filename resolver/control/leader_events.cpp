// Each event is added to the ring before it is sent, so that a client that lost its connection can read the events that it missed.
#include "resolver/control/leader_events.hpp"

#include "conf/metrics/metrics.hpp"
#include "resolver/documents/documents.hpp"

namespace lictor::control {

LeaderEvents::LeaderEvents(loop::Loop& loop, std::unique_ptr<hooks::HookProcess> process, endpoint::StatsServer* stats,
                           metrics::ControlCounters& counters, std::int64_t started_unix)
    : stats_(stats), ring_(started_unix) {
    if (process) runner_ = std::make_unique<hooks::HookRunner>(loop, std::move(process), counters);
}

void LeaderEvents::on_leader_change(const failover::LeaderChange& change) {
    send(change.leads ? "leader" : "withdrawn", documents::leader_change_json(change));
    if (runner_) runner_->run_for(change);
}

void LeaderEvents::on_failover_done(const failover::FailoverRecord& record) {
    send("failover", documents::failover_json(record, loop::Loop::now()));
}

void LeaderEvents::on_cuts_finished(const cut::LeaderCuts::Finished& cut) { send("cut", documents::leader_cut_json(cut)); }

void LeaderEvents::send(std::string_view type, const std::string& json) {
    const auto& text = ring_.add(type, json);
    if (stats_) stats_->send_event(text);
}

}  // namespace lictor::control
