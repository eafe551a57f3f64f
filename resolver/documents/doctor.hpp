// Writes the findings of `lictor doctor` as JSON. Pure.
#pragma once

#include <string>
#include <vector>

#include "resolver/doctor/checks.hpp"

namespace lictor::documents {

/// `{"worst":…,"findings":[{"check":…,"severity":…,"text":…,"remedy":…},…]}` and a line feed.
std::string doctor_json(const std::vector<doctor::Finding>& findings);

}  // namespace lictor::documents
