// Forward declarations of the counters and of the cause, for headers that only pass them on.
#pragma once

#include <cstdint>

namespace lictor::metrics {

class Count;
class Histogram;
enum class Cause : std::uint8_t;
struct ControlCounters;
struct WorkerCounters;

}  // namespace lictor::metrics
