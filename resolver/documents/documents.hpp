// Turns a Status into the documents of the stats endpoint: JSON, Prometheus text for /metrics, log lines. Each document is written in the
// .cpp file of its name (stats.cpp also /health and /ready). Text from outside is escaped, whatever bytes it contains. Pure.
#pragma once

#include <string>
#include <vector>

#include "resolver/cut/leader_cuts.hpp"
#include "resolver/documents/status.hpp"

namespace lictor::documents {

std::string stats_json(const Status&);  ///< schema: conf/stats.schema.json
/// The documents of the paths of the same name: one JSON object and a line feed. Lists and texts are bounded (status_parts.hpp), with the
/// full counts. Times are Unix seconds, ages seconds, and phases of a fail-over milliseconds from its first one; null = not known.
std::string leaders_json(const Status&);
std::string services_json(const Status&);
std::string failovers_json(const Status&);
/// Data of /events, one line each; `now`: monotonic, for ages.
std::string failover_json(const failover::FailoverRecord& record, Now now);
std::string leader_change_json(const failover::LeaderChange& change);
std::string leader_cut_json(const cut::LeaderCuts::Finished& cut);
std::string history_json(const Status&, std::size_t last);  ///< the newest `last` points
std::string metrics_text(const Status&);                    ///< Prometheus exposition format 0.0.4
std::string shadow_json(const Status&);
std::string health_json(const Status&);
std::string ready_json(const Status&);
/// The statistics as log lines (USR1), dnsmasq's where dnsmasq has the figure.
std::vector<std::string> statistics_lines(const Status&);

}  // namespace lictor::documents
