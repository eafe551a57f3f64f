// The pieces that the sub-commands' texts are made of: members of a JSON document that may lack anything, words fit for a terminal,
// numbers, spans of time, tables. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace lictor::command_parts {

using Json = nlohmann::json;

Json parse(const std::string& text);
/// Null where there is none.
const Json& member(const Json& object, const char* key);
template <class... Keys>
const Json& member(const Json& object, const char* key, Keys... further) {
    return member(member(object, key), further...);
}

std::string decimal(double value, int places);
/// A number, a text without control characters, or "-".
std::string words(const Json& value);
double number(const Json& value);
std::string span(double seconds);
std::string bytes(double value);
std::string joined(const Json& list);
/// Characters, not bytes, as far as UTF-8 tells.
std::size_t width(const std::string& text);

using Row = std::vector<std::string>;
std::string table(const std::vector<Row>& rows, const char* indent = "");

}  // namespace lictor::command_parts
