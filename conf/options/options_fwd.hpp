// Forward declarations of the option structs, for headers that use them only by reference.
#pragma once

namespace lictor::conf {

struct Options;
struct ConsulHttpOptions;
struct ConsulOptions;
struct LeaderOptions;
struct ListenOptions;
struct LocalOptions;
struct ProcessOptions;
struct WatchOptions;

}  // namespace lictor::conf
