// Which serial has the SOA of each domain whose aliases lead to leaders (`leader-soa`)? It rises when a leader behind an alias, or an
// alias, changes, and never goes back. Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "resolver/rules/local_data.hpp"
#include "resolver/rules/rules_fwd.hpp"
#include "resolver/view/leader_runtime.hpp"
#include "resolver/wire/name.hpp"

namespace lictor::view {

struct SoaZone {
    std::uint32_t serial = 0;
    std::vector<wire::Name> targets;                      ///< the names that its aliases lead to
    std::vector<std::uint32_t> leaders;                   ///< the serial of each target's leader; 0 = no leader is known there
    std::vector<std::shared_ptr<catalog::Usage>> usages;  ///< of these leaders: a query for the SOA is a use of their clusters
};
/// Immutable; a part of the View.
struct SoaZones {
    rules::NameMap<SoaZone> by_name;  ///< lower case; not empty
};

/// The runtime entry of the leader's service that a name belongs to; null if there is none. Owned by the runtime.
using LeaderBehind = std::function<const RuntimeEntry*(const wire::Name& target)>;
/// Serials from before a restart, by name.
using SoaMarks = std::map<std::string, std::uint32_t>;

/// The zones of a View with `rules` that follows a View with `previous`; the same object if nothing changes, null if there are none. A zone
/// that was not there before begins with a new serial: whoever asks resolves its names again after a restart.
std::shared_ptr<const SoaZones> next_soa_zones(const std::shared_ptr<const SoaZones>& previous, const rules::Rules& rules,
                                               const LeaderBehind& leader_behind, std::int64_t unix_seconds, const SoaMarks& marks = {});
/// The serials to keep across a restart.
SoaMarks marks_of(const SoaZones& zones);

}  // namespace lictor::view
