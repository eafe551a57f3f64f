// The fields of the options for the cache, with their defaults. Their rows of the option table are in cache.cpp.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "conf/base/clock.hpp"

namespace lictor::conf {

struct CacheOptions {
    std::uint32_t cache_size = 10000;            ///< entries of each worker, 10 million at most; 0 = no cache
    bool no_negcache = false;                    ///< negative answers are not kept
    std::optional<std::uint32_t> neg_ttl;        ///< seconds, for negative answers without SOA; none = they are not kept
    std::optional<std::uint32_t> max_cache_ttl;  ///< seconds; none = no bound
    std::optional<std::uint32_t> min_cache_ttl;  ///< seconds, 3600 at most; none = no bound
    std::optional<seconds> use_stale_cache;      ///< time after the TTL, 0 = without limit; none = off
    std::vector<std::uint16_t> cache_rr;         ///< further types; 255 = every type
    bool clear_on_reload = false;
    bool operator==(const CacheOptions&) const = default;
};

}  // namespace lictor::conf
