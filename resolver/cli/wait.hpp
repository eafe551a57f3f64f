// `lictor wait`: waits until the running lictor is ready, or until scopes have a leader. For start scripts.
#pragma once

#include <string>
#include <vector>

#include "conf/base/clock.hpp"

namespace lictor::cli {

/// What is waited for.
struct Awaited {
    std::string address;               ///< stats-address
    bool ready = false;                ///< /ready is 200
    std::vector<std::string> leaders;  ///< scopes or services whose leader has an address
    seconds timeout{60};               ///< 0: looks once
    bool json = false;                 ///< the result on standard output is a JSON object
};

/// Blocks until all is true or the time is over; says on standard error what is missing, whenever that changes. Gives 0, 1 at the time-out,
/// or 2 if nothing answered at the address until then.
int wait_for(const Awaited& awaited);

}  // namespace lictor::cli
