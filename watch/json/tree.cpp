// Implements the SAX pass that fills a JsonTree, and the access to its cells.
#include "watch/json/tree.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

namespace lictor::json {

JsonKind JsonValue::kind() const { return tree_ == nullptr ? JsonKind::missing : tree_->cells_[at_].kind; }

JsonValue JsonValue::first() const {
    if (kind() != JsonKind::list && kind() != JsonKind::object) return {};
    const std::uint32_t end = tree_->cells_[at_].end;
    return at_ + 1 < end ? JsonValue(tree_, at_ + 1, end) : JsonValue{};
}

JsonValue JsonValue::next() const {
    if (tree_ == nullptr) return {};
    const std::uint32_t behind = tree_->cells_[at_].end;
    return behind < parent_end_ ? JsonValue(tree_, behind, parent_end_) : JsonValue{};
}

JsonValue JsonValue::get(std::string_view key) const {
    if (kind() != JsonKind::object) return {};
    for (JsonValue held = first(); held; held = held.next())
        if (held.key() == key) return held;
    return {};
}

std::optional<std::string_view> JsonValue::text() const {
    if (kind() != JsonKind::string) return std::nullopt;
    const auto& cell = tree_->cells_[at_];
    return tree_->slice(cell.text_at, cell.text_size);
}

bool JsonValue::is_other_than_text() const {
    switch (kind()) {
        case JsonKind::missing:
        case JsonKind::null:
        case JsonKind::string:
        case JsonKind::oversized: return false;
        default: return true;
    }
}

std::optional<std::uint64_t> JsonValue::number(std::uint64_t max) const {
    if (kind() != JsonKind::number || tree_->cells_[at_].number > max) return std::nullopt;
    return tree_->cells_[at_].number;
}

std::optional<bool> JsonValue::boolean() const {
    if (kind() != JsonKind::boolean) return std::nullopt;
    return tree_->cells_[at_].number != 0;
}

std::string_view JsonValue::key() const {
    if (tree_ == nullptr) return {};
    const auto& cell = tree_->cells_[at_];
    return tree_->slice(cell.key_at, cell.key_size);
}

/// Receives the events of nlohmann's parser; returning false stops it.
class JsonReader {
public:
    using json = nlohmann::json;

    JsonReader(JsonTree& tree, const JsonLimits& limits, const std::function<void(JsonValue)>* element)
        : tree_(tree), limits_(limits), element_(element) {}

    bool null() { return scalar(JsonKind::null); }
    bool boolean(bool value) { return scalar(JsonKind::boolean, value ? 1 : 0); }
    bool number_integer(json::number_integer_t) { return scalar(JsonKind::other_number); }  // the parser reports only negative ones here
    bool number_unsigned(json::number_unsigned_t value) { return scalar(JsonKind::number, value); }
    bool number_float(json::number_float_t, const std::string&) { return scalar(JsonKind::other_number); }
    bool binary(json::binary_t&) { return refuse("binary data"); }

    bool string(std::string& value) {
        if (value.size() > limits_.string_bytes) return scalar(JsonKind::oversized);
        const auto at = static_cast<std::uint32_t>(tree_.text_.size());
        tree_.text_ += value;
        return scalar(JsonKind::string, 0, at, static_cast<std::uint32_t>(value.size()));
    }

    bool key(std::string& name) {
        if (name.size() > limits_.string_bytes) return refuse("a key that is too long");
        key_at_ = static_cast<std::uint32_t>(tree_.text_.size());
        key_size_ = static_cast<std::uint32_t>(name.size());
        tree_.text_ += name;
        return true;
    }

    bool start_object(std::size_t) { return open(JsonKind::object); }
    bool end_object() {
        if (has_key_twice(open_.back())) return refuse("a key twice in one object");
        return close();
    }
    bool start_array(std::size_t) { return open(JsonKind::list); }
    bool end_array() { return close(); }

    bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception& error) {
        // The exception's text quotes the body, which must not be logged. Error 406 is a number that overflows.
        fault_ = error.id == 406 ? "a number that is too large" : "not valid JSON";
        fault_ += " near byte " + std::to_string(position);
        return false;
    }

    std::string& fault() { return fault_; }
    std::size_t elements() const { return elements_; }

private:
    bool streaming() const { return element_ != nullptr; }

    bool refuse(const char* why) {
        fault_ = why;
        return false;
    }

    bool add(JsonTree::Cell cell) {
        if (tree_.cells_.size() >= limits_.values) return refuse("too many values");
        cell.key_at = key_at_;
        cell.key_size = std::exchange(key_size_, 0);
        cell.end = static_cast<std::uint32_t>(tree_.cells_.size()) + 1;
        tree_.cells_.push_back(cell);
        return true;
    }

    bool scalar(JsonKind kind, std::uint64_t number = 0, std::uint32_t text_at = 0, std::uint32_t text_size = 0) {
        if (streaming() && depth_ == 0 && kind == JsonKind::null) return true;
        if (streaming() && depth_ <= 1) return refuse(depth_ == 0 ? "not a list" : "a list with an element that is not an object");
        JsonTree::Cell cell;
        cell.kind = kind;
        cell.number = number;
        cell.text_at = text_at;
        cell.text_size = text_size;
        return add(cell);
    }

    bool open(JsonKind kind) {
        if (++depth_ > limits_.depth) return refuse("nested too deep");
        if (streaming() && depth_ == 1) return kind == JsonKind::list || refuse("not a list");
        if (streaming() && depth_ == 2 && kind != JsonKind::object) return refuse("a list with an element that is not an object");
        open_.push_back(static_cast<std::uint32_t>(tree_.cells_.size()));
        JsonTree::Cell cell;
        cell.kind = kind;
        return add(cell);
    }

    bool close() {
        --depth_;
        if (streaming() && depth_ == 0) return true;
        tree_.cells_[open_.back()].end = static_cast<std::uint32_t>(tree_.cells_.size());
        open_.pop_back();
        return !streaming() || depth_ != 1 || deliver();
    }

    bool deliver() {
        if (++elements_ > limits_.values) return refuse("too many elements");
        (*element_)(tree_.root());
        tree_.cells_.clear();
        tree_.text_.clear();
        return true;
    }

    /// Go's encoder does not write a key twice; two readers of such an object may see two values.
    bool has_key_twice(std::uint32_t object) {
        keys_.clear();
        const auto end = static_cast<std::uint32_t>(tree_.cells_.size());
        for (std::uint32_t at = object + 1; at < end; at = tree_.cells_[at].end) {
            const auto& cell = tree_.cells_[at];
            keys_.push_back(tree_.slice(cell.key_at, cell.key_size));
        }
        std::sort(keys_.begin(), keys_.end());
        return std::adjacent_find(keys_.begin(), keys_.end()) != keys_.end();
    }

    JsonTree& tree_;
    const JsonLimits& limits_;
    const std::function<void(JsonValue)>* element_;  ///< set: a list is read element by element
    unsigned depth_ = 0;
    std::vector<std::uint32_t> open_;  ///< cells of the containers that are not closed yet
    std::vector<std::string_view> keys_;
    std::uint32_t key_at_ = 0, key_size_ = 0;
    std::size_t elements_ = 0;
    std::string fault_;
};

namespace {

Error describe(std::string_view what, std::string_view why, std::string_view body) {
    std::string text(what);
    text += ": ";
    text += why;
    const auto start = body.find_first_not_of(" \t\r\n");
    if (start == std::string_view::npos) text += "; the body is empty";
    else if (body[start] == '<') text += "; the body looks like HTML: is there a proxy in front of Consul?";
    return Error{std::move(text)};
}

/// nlohmann skips a byte order mark; Consul does not send one.
bool starts_with_mark(std::string_view body) { return !body.empty() && static_cast<unsigned char>(body.front()) == 0xef; }

Result<std::size_t> read_into(JsonTree& tree, std::string_view body, std::string_view what, const JsonLimits& limits,
                              const std::function<void(JsonValue)>* element) {
    if (body.size() > limits.body_bytes) return describe(what, "too large", {"x", 1});
    if (starts_with_mark(body)) return describe(what, "a byte order mark", body);
    // nlohmann takes a NUL between two tokens for the end of the text, and would ignore the rest.
    if (body.find('\0') != std::string_view::npos) return describe(what, "a NUL byte", body);
    JsonReader reader(tree, limits, element);
    if (!nlohmann::json::sax_parse(body.begin(), body.end(), &reader, nlohmann::json::input_format_t::json, true))
        return describe(what, reader.fault(), body);
    return reader.elements();
}

}  // namespace

Result<JsonTree> read_json(std::string_view body, std::string_view what, const JsonLimits& limits) {
    JsonTree tree;
    auto read = read_into(tree, body, what, limits, nullptr);
    if (!read) return read.error();
    return tree;
}

Result<std::size_t> read_json_list(std::string_view body, std::string_view what, const std::function<void(JsonValue)>& element,
                                   const JsonLimits& limits) {
    JsonTree tree;
    return read_into(tree, body, what, limits, &element);
}

}  // namespace lictor::json
