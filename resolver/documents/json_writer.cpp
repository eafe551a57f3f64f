// Writes the commas, quotes and escapes of JSON, and decides which bytes are UTF-8 (RFC 3629: shortest forms, no surrogates, up to
// U+10FFFF).
#include "resolver/documents/json_writer.hpp"

#include <cmath>
#include <cstdio>

namespace lictor::documents {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";  // U+FFFD

/// Bytes of the character at the start of `text`, 0 if they are not UTF-8.
std::size_t character_size(std::string_view text) {
    const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
    const auto follows = [&](std::size_t i, unsigned low = 0x80, unsigned high = 0xBF) { return byte(i) >= low && byte(i) <= high; };
    const unsigned lead = byte(0);
    if (lead < 0x80) return 1;
    if (lead >= 0xC2 && lead <= 0xDF) return follows(1) ? 2 : 0;
    if (lead >= 0xE0 && lead <= 0xEF) return follows(1, lead == 0xE0 ? 0xA0 : 0x80, lead == 0xED ? 0x9F : 0xBF) && follows(2) ? 3 : 0;
    if (lead >= 0xF0 && lead <= 0xF4)
        return follows(1, lead == 0xF0 ? 0x90 : 0x80, lead == 0xF4 ? 0x8F : 0xBF) && follows(2) && follows(3) ? 4 : 0;
    return 0;
}

/// Calls `take` with each character, U+FFFD for each byte that is not part of one.
template <class Take>
void each_character(std::string_view text, Take take) {
    while (!text.empty()) {
        const auto size = character_size(text);
        take(size ? text.substr(0, size) : replacement);
        text.remove_prefix(size ? size : 1);
    }
}

}  // namespace

JsonWriter& JsonWriter::open(char bracket) {
    raw({&bracket, 1});
    first_ = true;
    return *this;
}

JsonWriter& JsonWriter::close(char bracket) {
    text_ += bracket;
    first_ = false;
    return *this;
}

JsonWriter& JsonWriter::raw(std::string_view value) {
    if (!first_) text_ += ',';
    first_ = false;
    text_ += value;
    return *this;
}

JsonWriter& JsonWriter::key(std::string_view name) {
    text(name);
    text_ += ':';
    first_ = true;  // the value belongs to the key: no comma between
    return *this;
}

JsonWriter& JsonWriter::text(std::string_view value) {
    raw({});
    quote(value);
    return *this;
}

void JsonWriter::quote(std::string_view value) {
    text_ += '"';
    each_character(value, [&](std::string_view character) {
        const auto byte = static_cast<unsigned char>(character.front());
        switch (byte) {
            case '"': text_ += "\\\""; return;
            case '\\': text_ += "\\\\"; return;
            case '\n': text_ += "\\n"; return;
            case '\t': text_ += "\\t"; return;
            default: break;
        }
        if (byte < 0x20 || byte == 0x7f || byte == '<' || byte == '>' || byte == '&') {
            char escape[8];
            std::snprintf(escape, sizeof escape, "\\u%04x", byte);
            text_ += escape;
            return;
        }
        // U+2028 and U+2029 end a line in JavaScript.
        if (character == "\xE2\x80\xA8") text_ += "\\u2028";
        else if (character == "\xE2\x80\xA9") text_ += "\\u2029";
        else text_ += character;
    });
    text_ += '"';
}

JsonWriter& JsonWriter::decimal(double value) {
    if (!std::isfinite(value)) return null();
    char digits[48];
    // The locale is the C locale: nothing in this program sets another.
    const int size = std::snprintf(digits, sizeof digits, "%.3f", value);
    if (size <= 0 || static_cast<std::size_t>(size) >= sizeof digits) return null();
    std::string_view shown(digits, static_cast<std::size_t>(size));
    while (shown.ends_with('0')) shown.remove_suffix(1);
    if (shown.ends_with('.')) shown.remove_suffix(1);
    return raw(shown == "-0" ? "0" : shown);
}

}  // namespace lictor::documents
