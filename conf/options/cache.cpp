// The options of the cache. Each row has the texts of an option, and the functions that parse and print its value.
#include "conf/options/cache.hpp"

#include "conf/options/option_access.hpp"

namespace lictor::conf {
namespace {

using namespace access;

// dnsmasq's maximum (TTL_FLOOR_LIMIT): a higher minimum would keep changed records for too long.
constexpr std::uint32_t min_cache_ttl_max = 3600;
constexpr seconds stale_for_bare{86400};  // without a value

Fault set_min_cache_ttl(CacheOptions& options, const Setting& setting) {
    if (auto fault = set_ttl_unless_zero<&CacheOptions::min_cache_ttl>(options, setting)) return fault;
    auto& ttl = options.min_cache_ttl;
    if (ttl > min_cache_ttl_max) {
        setting.notes.push_back("the maximum is 3600: 3600 is used");
        ttl = min_cache_ttl_max;
    }
    return std::nullopt;
}

Fault set_stale_cache(CacheOptions& options, const Setting& setting) {
    if (!setting.value.empty()) return set_number<&CacheOptions::use_stale_cache, 0, ttl_max>(options, setting);
    options.use_stale_cache = stale_for_bare;
    return std::nullopt;
}

constexpr Row rows[] = {
    {.name = "cache-size",
     .letter = 'c',
     .shape = Shape::value,
     .argument = "<n>",
     .help = "maximum number of answers that each worker caches, 0 = no cache",
     .reference = "Maximum number of answers that each worker caches. Their bytes are bounded as well. 0 switches the cache off.",
     .default_text = "10000",
     .sample = "10000",
     .field = number<&CacheOptions::cache_size, 0, 10000000>},
    {.name = "no-negcache",
     .letter = 'N',
     .times = Times::repeatable,
     .help = "do not cache negative answers",
     .reference = "Does not cache NXDOMAIN and NODATA answers.",
     .default_text = "off",
     .field = flag<&CacheOptions::no_negcache>},
    {.name = "neg-ttl",
     .shape = Shape::value,
     .argument = "<seconds>",
     .help = "TTL of cached negative answers without SOA",
     .reference = "TTL of cached negative answers without a SOA record. Without this option such answers are not cached.",
     .default_text = "none",
     .sample = "60",
     .field = ttl_unless_zero<&CacheOptions::neg_ttl>},
    {.name = "max-cache-ttl",
     .shape = Shape::value,
     .argument = "<seconds>",
     .help = "maximum number of seconds that an answer is cached",
     .reference = "Answers are cached at most this long, whatever their TTL is.",
     .default_text = "none",
     .sample = "3600",
     .field = ttl_unless_zero<&CacheOptions::max_cache_ttl>},
    {.name = "min-cache-ttl",
     .shape = Shape::value,
     .argument = "<seconds>",
     .help = "minimum number of seconds that an answer is cached",
     .reference = "Answers are cached at least this long, whatever their TTL is. The maximum is 3600.",
     .default_text = "none",
     .sample = "0",
     .field = field_with<&CacheOptions::min_cache_ttl, set_min_cache_ttl, get_number<&CacheOptions::min_cache_ttl>>},
    {.name = "clear-on-reload",
     .times = Times::repeatable,
     .help = "empty the cache when upstreams change",
     .reference = "Empties the cache when a change of resolv.conf changes the upstreams.",
     .default_text = "off",
     .field = flag<&CacheOptions::clear_on_reload>},
    {.name = "use-stale-cache",
     .shape = Shape::optional,
     .argument = "[=<seconds>]",
     .help = "answer with expired data, and ask an upstream at the same time",
     .reference = "Answers at once with cached data that expired at most this long ago, and asks an upstream at the same time. Without a "
                  "number the time is 86400 seconds; 0 means without limit.",
     .default_text = "off",
     .sample = "86400",
     .field = field_with<&CacheOptions::use_stale_cache, set_stale_cache, get_number<&CacheOptions::use_stale_cache>>},
    {.name = "cache-rr",
     .shape = Shape::value,
     .times = Times::repeatable,
     .argument = "<type>[,<type>]",
     .help = "accepted for dnsmasq's files; all types are cached",
     .reference = "dnsmasq caches A, AAAA, CNAME, SRV and PTR, and other types only if they are listed here. lictor caches all types; the "
                  "option is accepted for existing files.",
     .default_text = "all",
     .sample = "ANY",
     .field = types<&CacheOptions::cache_rr>},
};
static_assert(every_field_has_a_row<CacheOptions>(rows));

}  // namespace

const RowGroup cache_group{"Cache", rows};

}  // namespace lictor::conf
