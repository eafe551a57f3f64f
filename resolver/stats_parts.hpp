// What the documents of the stats endpoint have in common: sums over the workers, keys made from metric names, the leaders in order,
// bounds on what is shown. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "conf/metrics_rows.hpp"
#include "resolver/json_writer.hpp"
#include "resolver/status.hpp"

namespace lictor {

// A document stays small enough to be made between two turns of the control loop, whatever Consul holds.
inline constexpr std::size_t leaders_shown_max = 200;
inline constexpr std::size_t members_shown_max = 64;
inline constexpr std::size_t services_shown_max = 512;
inline constexpr std::size_t instances_shown_max = 64;          ///< of one service
inline constexpr std::size_t instances_shown_total_max = 2000;  ///< of all services together
inline constexpr std::size_t watches_shown_max = 1024;
inline constexpr std::size_t texts_shown_max = 100;             ///< files, domains, errors of a reload
inline constexpr std::size_t text_shown_max = 256;              ///< bytes of one text from outside

/// `text`, cut to text_shown_max.
inline std::string_view shown(std::string_view text) { return text.substr(0, text_shown_max); }

std::uint64_t total(const Status& status, Count WorkerCounters::*field);
/// The catalog in force; an empty one before the first View.
const Catalog& catalog_of(const Status& status);
const Rules& rules_of(const Status& status);

/// `lictor_queries_total` → `queries`.
std::string_view key_of_metric(std::string_view name);
/// `transport="udp"` → `udp`.
std::string_view value_of_label(std::string_view label);

/// Leaders by service name, at most leaders_shown_max.
std::vector<const LeaderEntry*> leaders_in_order(const Catalog& catalog);
/// The addresses that questions for the leader get now; empty while nobody is answered.
std::vector<Address> leader_addresses(const Catalog& catalog, const LeaderEntry& entry);
/// What a question for the leader gets now, in one or two words.
const char* answer_word(const LeaderEntry& entry);
/// Since the leader's last change, monotonic; 0 if that is not known.
double leader_age_seconds(const Status& status, const LeaderEntry& entry);

/// The value of `"leaders":`.
void write_leaders(JsonWriter& json, const Status& status);
/// One change of leader.
void write_failover(JsonWriter& json, const FailoverRecord& record, Now now);

}  // namespace lictor
