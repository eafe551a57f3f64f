// Options and hosts files → the names that lictor knows by itself.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "resolver/core/rules.hpp"

namespace lictor {

std::shared_ptr<const LocalData> make_local_data(const Options& options, const FollowedFiles& files, std::vector<std::string>& notes);

/// True if local data holds something for exactly this name, of whatever type: an upstream's "no such name" then means "no such data".
bool is_known_locally(const LocalData& data, const Name& lower);

}  // namespace lictor
