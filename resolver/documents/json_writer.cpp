// Writes the commas, quotes and escapes of JSON.
#include "resolver/documents/json_writer.hpp"

#include <cmath>
#include <cstdio>

#include "conf/base/utf8.hpp"

namespace lictor::documents {
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
    each_utf8(value, [&](std::string_view character) {
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
