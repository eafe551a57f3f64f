// All settings of lictor: the groups of options as one value. Code that uses one group includes the header of that group and takes its
// struct. The names, texts and syntax of the options are in the rows, in the .cpp file of each group.
#pragma once

#include "conf/options/cache.hpp"
#include "conf/options/filter.hpp"
#include "conf/options/forward.hpp"
#include "conf/options/hook.hpp"
#include "conf/options/listen.hpp"
#include "conf/options/local.hpp"
#include "conf/options/log.hpp"
#include "conf/options/process.hpp"
#include "conf/options/reply.hpp"
#include "conf/options/stats.hpp"
#include "conf/options/upstream.hpp"
#include "conf/options/watch.hpp"

namespace lictor::conf {

struct Options : ListenOptions,
                 UpstreamOptions,
                 ForwardOptions,
                 LocalOptions,
                 FilterOptions,
                 ReplyOptions,
                 CacheOptions,
                 LogOptions,
                 ProcessOptions,
                 WatchOptions,
                 HookOptions,
                 StatsOptions {
    bool operator==(const Options&) const = default;
};

}  // namespace lictor::conf
