// Functions that the documents use on a Status: sums over the workers, keys from metric names, leaders in order, and the maximum lengths of
// lists. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "conf/metrics/metrics_fwd.hpp"
#include "resolver/documents/json_writer.hpp"
#include "resolver/documents/status.hpp"

namespace lictor::documents {

// Bounds, so that a document is made in a short time on the control thread, whatever Consul contains.
inline constexpr std::size_t leaders_shown_max = 200;
inline constexpr std::size_t members_shown_max = 64;
inline constexpr std::size_t services_shown_max = 512;
inline constexpr std::size_t instances_shown_max = 64;          ///< of one service
inline constexpr std::size_t instances_shown_total_max = 2000;  ///< of all services together
inline constexpr std::size_t watches_shown_max = 1024;
inline constexpr std::size_t texts_shown_max = 100;  ///< files, domains, errors of a reload
inline constexpr std::size_t text_shown_max = 256;   ///< bytes of one text from outside

/// `text`, cut to text_shown_max.
inline std::string_view shown(std::string_view text) { return text.substr(0, text_shown_max); }

/// The sum of one counter over all workers.
std::uint64_t total(const Status& status, metrics::Count metrics::WorkerCounters::*field);
/// The Catalog and Rules in force; empty ones before the first View.
const catalog::Catalog& catalog_of(const Status& status);
const rules::Rules& rules_of(const Status& status);

/// Leaders by service name, at most leaders_shown_max.
std::vector<const catalog::LeaderEntry*> leaders_in_order(const catalog::Catalog& catalog);
/// All services by name and datacenter.
std::vector<const catalog::ServiceEntry*> services_in_order(const catalog::Catalog& catalog);
/// `passing`, `warning` or `critical`.
const char* word(catalog::Health health);
/// The addresses in the present answer for the leader; empty while there is none.
std::vector<Address> leader_addresses(const catalog::Catalog& catalog, const catalog::LeaderEntry& entry);
/// The kind of the present answer for the leader, in a few words.
const char* answer_word(const catalog::LeaderEntry& entry);
/// Seconds since the leader's last change; 0 if not known.
double leader_age_seconds(const Status& status, const catalog::LeaderEntry& entry);

/// The value of `"leaders":`.
void write_leaders(JsonWriter& json, const Status& status);
/// One change of leader.
void write_failover(JsonWriter& json, const failover::FailoverRecord& record, Now now);

}  // namespace lictor::documents
