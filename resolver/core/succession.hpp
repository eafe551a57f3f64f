// Withdraw, then publish: may a Catalog be shown to the workers now, or must one without the old leaders come first, so that no worker
// says the old address after another said the new one? Pure; the publisher performs it.
#pragma once

#include <memory>
#include <vector>

#include "watch/catalog.hpp"

namespace lictor {

/// True if the two Catalogs answer their entry of one leader with different addresses.
bool leads_elsewhere(const Catalog& before, const LeaderEntry& a, const Catalog& after, const LeaderEntry& b);

/// Scopes (by service) that `next` answers with another address than some Catalog in `in_use` does.
std::vector<std::string> conflicts(const Catalog& next, const std::vector<std::shared_ptr<const Catalog>>& in_use);

/// `next` with those scopes vacant: what the workers see until all of them have left the old address behind.
std::shared_ptr<const Catalog> without_leaders(const Catalog& next, const std::vector<std::string>& services);

/// What comes next on the way from the Views in use to the Catalog offered last.
struct Turn {
    std::shared_ptr<const Catalog> show;  ///< for the next View; none: the workers have to go on first
    bool done = false;                    ///< it is the one offered
};
Turn next_turn(const std::shared_ptr<const Catalog>& offered, const std::shared_ptr<const Catalog>& shown,
               const std::vector<std::shared_ptr<const Catalog>>& in_use);

}  // namespace lictor
