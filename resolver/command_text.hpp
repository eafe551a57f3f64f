// The JSON of the stats endpoint as people read it: short lines and tables. Takes text, gives text; what it does not find it leaves out,
// so that another version's document is shown as far as it is understood. Pure.
#pragma once

#include <string>

namespace lictor {

// Each gives an empty text if `json` is no JSON object.
std::string stats_for_people(const std::string& json);
std::string leaders_for_people(const std::string& json);
std::string failovers_for_people(const std::string& json);
std::string services_for_people(const std::string& json);
std::string shadow_for_people(const std::string& json);
std::string health_for_people(const std::string& json);
std::string ready_for_people(const std::string& json);
std::string flush_for_people(const std::string& json);
/// The reason that a refusal gives in JSON, or any other text as it came, cut and without control characters.
std::string refusal_for_people(const std::string& body);

}  // namespace lictor
