// What are people told of a leader's state: a word for each state and reason, and one line that says why the answer is what it is.
#pragma once

#include <string>

#include "watch/catalog.hpp"

namespace lictor {

const char* word(LeaderState);
const char* word(LeaderReason);

/// One line: what is answered, and because of what. Holds names from Consul as they are: whoever shows it makes them printable.
std::string leader_why(const LeaderEntry& entry);

}  // namespace lictor
