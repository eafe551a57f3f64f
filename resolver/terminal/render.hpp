// Renders the JSON documents of the stats endpoint for the terminal: short lines and tables. Missing members are left out, so that a
// document of another version is shown as far as possible. failovers.cpp renders /failovers, explain.cpp /explain. Pure.
#pragma once

#include <string>

#include "resolver/terminal/style.hpp"

namespace lictor::terminal {

/// Each renders the document of its name, as lines that end with a line feed. Empty if `json` is not a JSON object. Text from outside loses
/// its control characters.
std::string stats_text(const std::string& json, const Style& style = {});
std::string leaders_text(const std::string& json, const Style& style = {});
std::string failovers_text(const std::string& json, const Style& style = {});
std::string services_text(const std::string& json, const Style& style = {});
std::string shadow_text(const std::string& json, const Style& style = {});
std::string health_text(const std::string& json, const Style& style = {});
std::string ready_text(const std::string& json, const Style& style = {});
std::string explain_text(const std::string& json, const Style& style = {});
std::string doctor_text(const std::string& json, const Style& style = {});
std::string reload_text(const std::string& json, const Style& style = {});
std::string flush_text(const std::string& json, const Style& style = {});
/// The `error` of a refusal in JSON; of any other text the first 300 bytes. Without control characters.
std::string refusal_text(const std::string& body);

}  // namespace lictor::terminal
