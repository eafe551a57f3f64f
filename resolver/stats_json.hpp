// Status turned into the documents of the stats endpoint: JSON for /stats, /leaders, /services, Prometheus text for /metrics, words for
// people. Text that came from outside is escaped, whatever its bytes. Pure.
#pragma once

#include <string>
#include <vector>

#include "resolver/status.hpp"

namespace lictor {

std::string stats_json(const Status&);      ///< schema: conf/stats.schema.json
std::string leaders_json(const Status&);
std::string services_json(const Status&);
std::string failovers_json(const Status&);
// For /events, one line each.
std::string failover_json(const FailoverRecord& record, Now now);
std::string news_json(const LeaderNews& news);
std::string metrics_text(const Status&);    ///< Prometheus exposition format 0.0.4
std::string shadow_json(const Status&);
std::string health_json(const Status&);
std::string ready_json(const Status&);
/// The statistics as log lines (USR1).
std::vector<std::string> statistics_lines(const Status&);

}  // namespace lictor
