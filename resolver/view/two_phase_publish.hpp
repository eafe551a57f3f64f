// May a Catalog be given to the workers now, or must one without the old leaders come first? The old leader is withdrawn from all workers
// before the new one is published, so that no worker answers the old address after another has answered the new one. Pure;
// control/publisher performs it.
#pragma once

#include <memory>
#include <vector>

#include "watch/catalog/catalog.hpp"

namespace lictor::view {

/// True if catalog `before` with entry `a` and catalog `after` with entry `b` answer one leader with different addresses.
bool leads_elsewhere(const catalog::Catalog& before, const catalog::LeaderEntry& a, const catalog::Catalog& after,
                     const catalog::LeaderEntry& b);

/// Services whose leader `next` answers with another address than some Catalog of `in_use` does.
std::vector<std::string> conflicts(const catalog::Catalog& next, const std::vector<std::shared_ptr<const catalog::Catalog>>& in_use);

/// A copy of `next` in which these leaders are vacant. It is published until no worker answers the old addresses any more.
std::shared_ptr<const catalog::Catalog> without_leaders(const catalog::Catalog& next, const std::vector<std::string>& services);

/// One step from the Views in use to the Catalog offered last.
struct PublishStep {
    std::shared_ptr<const catalog::Catalog> show;  ///< publish this next; null: wait until the workers have the newest View
    bool done = false;                             ///< `show` is the Catalog offered
};
/// `shown`: the newest Catalog published. `in_use`: Catalogs that a worker may still answer from.
PublishStep next_step(const std::shared_ptr<const catalog::Catalog>& offered, const std::shared_ptr<const catalog::Catalog>& shown,
                      const std::vector<std::shared_ptr<const catalog::Catalog>>& in_use);

}  // namespace lictor::view
