// The View: all data from which workers answer, as one immutable value. The control thread makes it; workers read it.
#pragma once

#include <cstdint>
#include <memory>

#include "resolver/rules/rules_fwd.hpp"
#include "resolver/view/leader_runtime.hpp"
#include "watch/catalog/catalog.hpp"

namespace lictor::view {

struct SoaZones;

/// Workers get Catalog, Rules and leader runtime only in this object. `generation` rises by one with each View.
struct View {
    std::uint64_t generation = 0;
    std::shared_ptr<const catalog::Catalog> catalog = std::make_shared<catalog::Catalog>();
    std::shared_ptr<const rules::Rules> rules = rules::no_rules();
    /// For each leader: the SOA serial, the flag `deposed` and counters.
    std::shared_ptr<const LeaderRuntime> runtime = std::make_shared<LeaderRuntime>();
    std::shared_ptr<const SoaZones> soa_zones;  ///< leader-soa; null: none
};

}  // namespace lictor::view
