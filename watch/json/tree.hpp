// A JSON text as a flat, bounded list of values, for data of other programs. Depth, number of values and length of strings are bounded
// while reading (a SAX pass), nothing recurses, and a number is returned only if it fits: nlohmann's tree turns the port 70000 into 4464
// and overflows the stack when a deep value is copied. Strict (RFC 8259): one value, no byte order mark, no duplicate key in an object.
// Pure.
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

namespace lictor::json {

/// Names with a NUL byte are refused.
inline bool has_nul(std::string_view text) { return text.find('\0') != std::string_view::npos; }

/// Beyond a limit the text is an Error, but for string_bytes of a value.
struct JsonLimits {
    std::size_t body_bytes = std::size_t{64} << 20;
    unsigned depth = 16;             ///< nested lists and objects
    std::uint32_t values = 200'000;  ///< in a document; of a list that is read by element: in one element, and the number of elements
    std::uint32_t string_bytes = 64 << 10;  ///< a longer string is kept as JsonKind::oversized; its text is dropped
};

/// `number`: a whole number in 64 bits, not negative; `other_number`: any other one.
enum class JsonKind : std::uint8_t { missing, null, boolean, number, other_number, string, oversized, list, object };

class JsonTree;

/// One value in a tree, or a missing one. A member of a missing value, or of a value of another kind, is missing: a path needs no checks.
/// Valid until the tree is changed or destroyed.
class JsonValue {
public:
    JsonValue() = default;

    /// JsonKind::missing for a missing value.
    JsonKind kind() const;
    bool is_object() const { return kind() == JsonKind::object; }
    bool is_list() const { return kind() == JsonKind::list; }
    /// False for a missing value only; `null` is true.
    explicit operator bool() const { return tree_ != nullptr; }

    /// The member of an object, by a linear search; missing if there is none.
    JsonValue get(std::string_view key) const;
    /// The decoded string, valid as the value is. Nothing if this is not a string, or a longer one than JsonLimits allows.
    std::optional<std::string_view> text() const;
    /// Empty if this is not a string.
    std::string_view text_or_empty() const { return text().value_or(std::string_view{}); }
    /// There is a value, and it is neither a string nor null.
    bool is_other_than_text() const;
    /// A whole number in [0, max], written without fraction and exponent; else nothing.
    std::optional<std::uint64_t> number(std::uint64_t max = std::numeric_limits<std::uint64_t>::max()) const;
    /// Nothing if this is not a boolean.
    std::optional<bool> boolean() const;
    /// The key of this value in its object; empty in a list and for the root.
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

/// A text that was read. Values refer to it: it must not be moved or destroyed while one is used.
class JsonTree {
public:
    /// Missing if nothing was read. Valid until this tree is destroyed.
    JsonValue root() const { return cells_.empty() ? JsonValue{} : JsonValue(this, 0, 1); }

private:
    friend class JsonValue;
    friend class JsonReader;

    struct Cell {
        JsonKind kind = JsonKind::null;
        std::uint32_t end = 0;  ///< index of the first cell after this value and its children
        std::uint32_t key_at = 0, key_size = 0;
        std::uint32_t text_at = 0, text_size = 0;
        std::uint64_t number = 0;  ///< also 0 or 1 for a boolean
    };
    std::string_view slice(std::uint32_t at, std::uint32_t size) const { return std::string_view(text_).substr(at, size); }

    std::vector<Cell> cells_;  ///< in order of appearance, a container before its children
    std::string text_;
};

/// `what` names the body in the text of an error, which never contains a part of the body.
Result<JsonTree> read_json(std::string_view body, std::string_view what, const JsonLimits& limits = {});

/// Reads a list of objects, one element at a time, so that the memory does not grow with the body. `null` is an empty list, as Go writes
/// it. A value passed to `element` is valid only during the call. Returns the number of elements. After an Error the caller discards what
/// `element` collected.
Result<std::size_t> read_json_list(std::string_view body, std::string_view what, const std::function<void(JsonValue)>& element,
                                   const JsonLimits& limits = {});

}  // namespace lictor::json
