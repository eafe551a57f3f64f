// Parses agent/self into the settings that answers depend on. Pure.
#pragma once

#include <string_view>

#include "conf/base/result.hpp"
#include "watch/catalog/catalog.hpp"

namespace lictor::json {

/// Fields that are missing or of another type keep their value in `base`. An Error if the reply is not an agent's.
Result<catalog::ConsulSettings> parse_agent_self(std::string_view body, const catalog::ConsulSettings& base);

}  // namespace lictor::json
