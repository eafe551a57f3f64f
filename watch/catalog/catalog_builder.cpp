// Puts settings and flags into the next Catalog, and assembles it.
#include "watch/catalog/catalog_builder.hpp"

namespace lictor::catalog {

void CatalogBuilder::put_settings(const ConsulSettings& settings) {
    if (settings == *settings_) return;
    settings_ = std::make_shared<ConsulSettings>(settings);
    settings_changed_ = true;
}

void CatalogBuilder::put_flags(Flags flags) {
    if (flags == flags_) return;
    flags_ = flags;
    flags_changed_ = true;
}

void CatalogBuilder::clear() {
    services_.clear();
    nodes_.clear();
    leaders_.clear();
    hosts_.clear();
}

std::shared_ptr<const Catalog> CatalogBuilder::take() {
    auto next = std::make_shared<Catalog>();
    next->settings = settings_;
    next->services = services_.take();
    next->nodes = nodes_.take();
    next->leaders = leaders_.take();
    next->hosts = hosts_.take();
    next->consul_on = flags_.consul_on;
    next->reachable = flags_.reachable;
    next->contact_lost = flags_.contact_lost;
    next->contact_lost_at = flags_.contact_lost_at;
    next->expired = flags_.expired;
    settings_changed_ = flags_changed_ = false;
    last_ = std::move(next);
    return last_;
}

}  // namespace lictor::catalog
