// A JSON text as a flat, bounded list of values: for reading what strangers wrote. Depth, number of values and length of strings are
// limited while reading (a SAX pass), nothing recurses, and numbers are handed out only if they fit: nlohmann's own tree turns the
// port 70000 into 4464 and overflows the stack when a deep value is copied. Strict: RFC 8259, one value, no byte order mark, nothing
// behind it, no key twice in one object.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "conf/base/result.hpp"

namespace lictor {

struct JsonLimits {
    std::size_t body_bytes = std::size_t{64} << 20;
    unsigned depth = 16;                    ///< nested lists and objects
    std::uint32_t values = 200'000;         ///< in one document; for a list read element by element: in one element, and elements
    std::uint32_t string_bytes = 64 << 10;  ///< a longer string is kept as JsonKind::oversized; its text is dropped
};

enum class JsonKind : std::uint8_t { missing, null, boolean, number, other_number, string, oversized, list, object };

class JsonTree;

/// One value in a tree, or nothing at all (`missing`): asking further of a missing or unfitting value gives missing values, so that a
/// path is written straight down. Valid while the tree lives and is not read into again.
class JsonValue {
public:
    JsonValue() = default;

    JsonKind kind() const;
    bool is_object() const { return kind() == JsonKind::object; }
    bool is_list() const { return kind() == JsonKind::list; }
    explicit operator bool() const { return tree_ != nullptr; }

    JsonValue get(std::string_view key) const;
    /// A string, else nothing.
    std::optional<std::string_view> text() const;
    /// A string, else empty.
    std::string_view text_or_empty() const { return text().value_or(std::string_view{}); }
    /// A whole number in [0, max] written as one (80.0 is none), else nothing.
    std::optional<std::uint64_t> number(std::uint64_t max = std::numeric_limits<std::uint64_t>::max()) const;
    std::optional<bool> boolean() const;
    /// The name under which an object holds this value.
    std::string_view key() const;

    /// The values of a list or object, in order: `for (JsonValue v = x.first(); v; v = v.next())`.
    JsonValue first() const;
    JsonValue next() const;

private:
    friend class JsonTree;
    JsonValue(const JsonTree* tree, std::uint32_t at, std::uint32_t parent_end) : tree_(tree), at_(at), parent_end_(parent_end) {}

    const JsonTree* tree_ = nullptr;
    std::uint32_t at_ = 0;
    std::uint32_t parent_end_ = 0;
};

class JsonTree {
public:
    /// Valid while this tree lives.
    JsonValue root() const { return cells_.empty() ? JsonValue{} : JsonValue(this, 0, 1); }

private:
    friend class JsonValue;
    friend class JsonReader;

    struct Cell {
        JsonKind kind = JsonKind::null;
        std::uint32_t end = 0;  ///< index of the first cell behind this value and all it holds
        std::uint32_t key_at = 0, key_size = 0;
        std::uint32_t text_at = 0, text_size = 0;
        std::uint64_t number = 0;  ///< also 0 or 1 for a boolean
    };
    std::string_view slice(std::uint32_t at, std::uint32_t size) const { return std::string_view(text_).substr(at, size); }

    std::vector<Cell> cells_;  ///< in order of appearance, a container before what it holds
    std::string text_;
};

/// `what` names the body in the error's text.
Result<JsonTree> read_json(std::string_view body, std::string_view what, const JsonLimits& limits = {});

/// A list of objects, one element at a time, so that the size of a body does not become the size of a tree. `null` is an empty list, as
/// Go writes one. On an Error `element` may have been called already: what it gathered must be thrown away.
Result<std::size_t> read_json_list(std::string_view body, std::string_view what, const std::function<void(JsonValue)>& element,
                                   const JsonLimits& limits = {});

}  // namespace lictor
