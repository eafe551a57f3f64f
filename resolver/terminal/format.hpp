// Formats values for the terminal: members of a JSON document, any of which may be missing, text without control characters, numbers, time
// spans, tables. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace lictor::terminal {

using Json = nlohmann::json;

/// A discarded value, which is not an object, if `text` is not JSON.
Json parse(const std::string& text);
/// The member; a JSON null if there is none or `object` is not an object. Valid as long as `object`.
const Json& member(const Json& object, const char* key);
/// The member of a member, by a path of keys; null if any is missing.
template <class... Keys>
const Json& member(const Json& object, const char* key, Keys... further) {
    return member(member(object, key), further...);
}

/// `value` with `places` digits after the point. At most 63 characters; longer text is cut.
std::string decimal(double value, int places);
/// A number, a text without control characters, or "-".
std::string words(const Json& value);
/// The number; 0 if `value` is not one.
double number(const Json& value);
/// Seconds as `1.5s`, `2m5s`, `3h4m`, `5d6h`; "-" if negative, not a number or above 10^12.
std::string span(double seconds);
/// `12 kB` or `1.5 MB`, in units of 1024 bytes.
std::string bytes(double value);
/// The items with commas between; "-" if there are none.
std::string joined(const Json& list);
/// Number of UTF-8 characters; colours (style.hpp) count as none.
std::size_t width(const std::string& text);

using Row = std::vector<std::string>;
/// Lines of left-aligned columns, two blanks between; each line begins with `indent`.
std::string table(const std::vector<Row>& rows, const char* indent = "");

}  // namespace lictor::terminal
