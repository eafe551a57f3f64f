// Returns the struct of one group from Options. So the rows of a group depend on that group alone.
#include "conf/options/options.hpp"

#include "conf/options/option_access.hpp"

namespace lictor::conf::access {

template <class Group>
Group& part(Options& all) {
    return all;
}
template <class Group>
const Group& part(const Options& all) {
    return all;
}

#define LICTOR_PART(Group)                      \
    template Group& part<Group>(Options & all); \
    template const Group& part<Group>(const Options& all);
LICTOR_PART(ListenOptions)
LICTOR_PART(UpstreamOptions)
LICTOR_PART(ForwardOptions)
LICTOR_PART(LocalOptions)
LICTOR_PART(FilterOptions)
LICTOR_PART(ReplyOptions)
LICTOR_PART(CacheOptions)
LICTOR_PART(LogOptions)
LICTOR_PART(ProcessOptions)
LICTOR_PART(ConsulHttpOptions)
LICTOR_PART(ConsulOptions)
LICTOR_PART(LeaderOptions)
LICTOR_PART(HoldOptions)
LICTOR_PART(HookOptions)
LICTOR_PART(StatsOptions)
#undef LICTOR_PART

}  // namespace lictor::conf::access
