// JSON text written from front to back (RFC 8259): keys in the order in which they are given, no tree in memory. Strings may hold any
// bytes: what is not UTF-8 becomes U+FFFD, control characters and `<` `>` `&` are escaped, so that the text is safe in a page as well.
// Pure.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

namespace lictor {

/// Calls must make one well-formed value: in an object each value follows its key, in a list it stands alone.
class JsonWriter {
public:
    JsonWriter& open_object() { return open('{'); }
    JsonWriter& open_list() { return open('['); }
    JsonWriter& close_object() { return close('}'); }
    JsonWriter& close_list() { return close(']'); }
    JsonWriter& key(std::string_view name);

    JsonWriter& text(std::string_view value);
    JsonWriter& number(std::integral auto value) { return raw(std::to_string(value)); }
    /// Three decimals are enough for seconds and milliseconds; what is not finite is null.
    JsonWriter& decimal(double value);
    JsonWriter& boolean(bool value) { return raw(value ? "true" : "false"); }
    JsonWriter& null() { return raw("null"); }

    JsonWriter& field(std::string_view name, std::string_view value) { return key(name).text(value); }
    JsonWriter& field(std::string_view name, const char* value) { return key(name).text(value); }
    JsonWriter& field(std::string_view name, const std::string& value) { return key(name).text(value); }
    JsonWriter& field(std::string_view name, bool value) { return key(name).boolean(value); }
    JsonWriter& field(std::string_view name, double value) { return key(name).decimal(value); }
    template <std::integral T>
    JsonWriter& field(std::string_view name, T value) {
        return key(name).number(value);
    }

    /// The text, with a line feed at its end.
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

/// `text` with every byte that does not belong to valid UTF-8 replaced by U+FFFD.
std::string valid_utf8(std::string_view text);

}  // namespace lictor
