// Writes JSON text from front to back (RFC 8259), keys in the order given, without a tree in memory. Strings may contain any bytes: a byte
// that is not part of UTF-8 becomes U+FFFD; control characters and `<` `>` `&` are escaped, so that the text is also safe in an HTML page.
// Pure.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

namespace lictor::documents {

/// The calls must form one value: in an object each value follows its key.
class JsonWriter {
public:
    /// Brackets are not checked: each is closed by the caller. Every call returns this writer.
    JsonWriter& open_object() { return open('{'); }
    JsonWriter& open_list() { return open('['); }
    JsonWriter& close_object() { return close('}'); }
    JsonWriter& close_list() { return close(']'); }
    /// A member's name; its value follows.
    JsonWriter& key(std::string_view name);

    /// A string, escaped as described above.
    JsonWriter& text(std::string_view value);
    /// An integer in full: values above 2^53 are not rounded.
    JsonWriter& number(std::integral auto value) { return raw(std::to_string(value)); }
    /// At most three decimals, without zeros at the end; null if not finite.
    JsonWriter& decimal(double value);
    /// The literals.
    JsonWriter& boolean(bool value) { return raw(value ? "true" : "false"); }
    JsonWriter& null() { return raw("null"); }

    /// A member with its value, by the value's type.
    JsonWriter& field(std::string_view name, std::string_view value) { return key(name).text(value); }
    JsonWriter& field(std::string_view name, const char* value) { return key(name).text(value); }
    JsonWriter& field(std::string_view name, const std::string& value) { return key(name).text(value); }
    JsonWriter& field(std::string_view name, bool value) { return key(name).boolean(value); }
    JsonWriter& field(std::string_view name, double value) { return key(name).decimal(value); }
    template <std::integral T>
    JsonWriter& field(std::string_view name, T value) {
        return key(name).number(value);
    }

    /// Returns the text and a line feed. To be called once.
    std::string take() {
        text_ += '\n';
        return std::move(text_);
    }

private:
    JsonWriter& open(char bracket);
    JsonWriter& close(char bracket);
    JsonWriter& raw(std::string_view value);
    void quote(std::string_view value);

    std::string text_;
    bool first_ = true;  ///< no comma before the next value
};

}  // namespace lictor::documents
