// The texts for a leader's state in logs and on pages: a word for each state and reason, and one line with the cause. Pure.
#pragma once

#include <string>

#include "watch/catalog/catalog.hpp"

namespace lictor::leader {

/// The word for pages and the log, such as `led` and `kept for the grace period`.
const char* word(catalog::LeaderState);
const char* word(catalog::LeaderReason);

/// One line: what is answered, and why. It holds names from Consul unescaped; the caller makes them printable.
std::string leader_why(const catalog::LeaderEntry& entry);
/// The log line of a new verdict; printable.
std::string log_line(const catalog::LeaderEntry& entry);

}  // namespace lictor::leader
