// Does Consul give way to the upstreams? An address of Consul that nobody configured is only assumed. As long as no agent has answered
// there, names below Consul's domains are forwarded like all others, because the upstreams may have them. Pure.
#pragma once

#include "watch/catalog/catalog.hpp"

namespace lictor::catalog {

/// The Catalog then shows Consul as neither on nor reachable; Consul that is switched off is shown as reachable.
inline bool gives_way(const Catalog& catalog) { return !catalog.consul_on && !catalog.reachable; }

}  // namespace lictor::catalog
