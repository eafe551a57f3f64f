// Forward declarations of the Rules and their parts, for headers that use them only by reference.
#pragma once

#include <memory>

namespace lictor::rules {

struct LocalAlias;
struct LocalData;
struct Rules;
struct UpstreamGroup;

/// Rules without an upstream, local data or filter.
std::shared_ptr<const Rules> no_rules();

}  // namespace lictor::rules
