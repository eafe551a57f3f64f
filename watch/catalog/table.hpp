// How are a Catalog's entries found by their key, and shared with the next Catalog? A table is a trie over the bits of the keys' hashes. A
// copy shares all nodes; a change makes new ones on the path to one key only, so its cost does not depend on the number of entries. Pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lictor::catalog {

/// Hash of table keys. It accepts a string_view, so that a look-up makes no string.
struct KeyHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view key) const noexcept { return std::hash<std::string_view>{}(key); }
};

/// Immutable entries by key. Several threads may read one table; a copy of it can be changed meanwhile. An entry is valid as long as a
/// table with it.
template <class T>
class Table {
public:
    using value_type = std::pair<const std::string, std::shared_ptr<const T>>;

private:
    using Row = std::shared_ptr<const value_type>;
    struct Node;
    using NodePointer = std::shared_ptr<const Node>;
    static constexpr unsigned bits = 4, depth_max = 64 / bits;
    static constexpr std::size_t ways = 1u << bits, rows_max = 8;
    struct Item {
        std::uint64_t hash = 0;
        Row row;
    };
    /// A leaf has items: at most `rows_max`, unless their hashes are equal. Any other node has children.
    struct Node {
        std::vector<Item> items;
        std::unique_ptr<std::array<NodePointer, ways>> children;
    };

public:
    struct End {};
    /// The result of a look-up: an entry, or the end.
    class Found {
    public:
        explicit Found(const value_type* row) : row_(row) {}
        const value_type& operator*() const { return *row_; }
        const value_type* operator->() const { return row_; }
        friend bool operator==(const Found& found, End) { return found.row_ == nullptr; }

    private:
        const value_type* row_;
    };
    /// Visits all entries, in no meaningful order.
    class Iterator {
    public:
        using value_type = typename Table::value_type;
        using difference_type = std::ptrdiff_t;
        Iterator() = default;
        explicit Iterator(const Node* root) {
            if (root) places_[depth_++] = {root, 0};
            settle();
        }
        const value_type& operator*() const { return *places_[depth_ - 1].node->items[places_[depth_ - 1].next].row; }
        const value_type* operator->() const { return &**this; }
        Iterator& operator++() {
            ++places_[depth_ - 1].next;
            settle();
            return *this;
        }
        Iterator operator++(int) {
            Iterator before = *this;
            ++*this;
            return before;
        }
        bool operator==(const Iterator&) const = default;
        friend bool operator==(const Iterator& at, End) { return at.depth_ == 0; }

    private:
        struct Place {
            const Node* node = nullptr;
            std::size_t next = 0;
            bool operator==(const Place&) const = default;
        };
        /// Goes down and on to the next item, unless it is at one.
        void settle() {
            while (depth_ > 0) {
                Place& at = places_[depth_ - 1];
                if (!at.node->children) {
                    if (at.next < at.node->items.size()) return;
                    --depth_;
                } else if (at.next == ways) {
                    --depth_;
                } else if (const Node* child = (*at.node->children)[at.next++].get()) {
                    places_[depth_++] = {child, 0};
                }
            }
        }
        std::array<Place, depth_max + 2> places_{};
        std::size_t depth_ = 0;
    };

    Table() = default;
    Table(std::initializer_list<value_type> rows) {
        for (const auto& [key, entry] : rows) put(key, entry);
    }

    Found find(std::string_view key) const {
        const std::uint64_t hash = KeyHash{}(key);
        const Node* node = root_.get();
        for (std::uint64_t left = hash; node && node->children; left >>= bits) node = (*node->children)[left % ways].get();
        if (node)
            for (const Item& item : node->items)
                if (item.hash == hash && item.row->first == key) return Found(item.row.get());
        return Found(nullptr);
    }
    bool contains(std::string_view key) const { return !(find(key) == end()); }
    const std::shared_ptr<const T>& at(std::string_view key) const {
        const Found found = find(key);
        if (found == end()) throw std::out_of_range("no entry of this key");
        return found->second;
    }
    std::size_t size() const { return size_; }
    bool empty() const { return size_ == 0; }
    Iterator begin() const { return Iterator(root_.get()); }
    End end() const { return {}; }

    /// Adds or replaces an entry. Other tables keep what they have.
    void put(const std::string& key, std::shared_ptr<const T> entry) {
        set({KeyHash{}(key), std::make_shared<const value_type>(key, std::move(entry))});
    }
    /// The entry of a key, to be assigned before the table is copied; null if it is new.
    std::shared_ptr<const T>& operator[](const std::string& key) {
        const Found found = find(key);
        auto row = std::make_shared<value_type>(key, found == end() ? nullptr : found->second);
        auto& entry = row->second;
        set({KeyHash{}(key), std::move(row)});
        return entry;
    }
    /// No effect if there is no such entry.
    void erase(std::string_view key) {
        if (!contains(key)) return;
        root_ = without(*root_, KeyHash{}(key), 0, key);
        --size_;
    }
    void clear() { *this = Table(); }

    /// Number of nodes that this table does not share with `other`: the work of the changes between them.
    std::size_t nodes_changed_since(const Table& other) const { return changed(root_.get(), other.root_.get()); }

private:
    void set(Item item) {
        bool added = true;
        root_ = with(root_.get(), std::move(item), 0, added);
        size_ += added ? 1 : 0;
    }

    static std::size_t way(std::uint64_t hash, unsigned depth) { return hash >> (depth * bits) & (ways - 1); }

    static NodePointer with(const Node* old, Item item, unsigned depth, bool& added) {
        auto node = std::make_shared<Node>();
        if (old && old->children) {
            node->children = std::make_unique<std::array<NodePointer, ways>>(*old->children);
            NodePointer& child = (*node->children)[way(item.hash, depth)];
            child = with(child.get(), std::move(item), depth + 1, added);
            return node;
        }
        if (old) {
            node->items.reserve(old->items.size() + 1);
            node->items = old->items;
        }
        for (Item& each : node->items) {
            if (each.hash != item.hash || each.row->first != item.row->first) continue;
            each = std::move(item);
            added = false;
            return node;
        }
        node->items.push_back(std::move(item));
        if (node->items.size() <= rows_max || depth == depth_max) return node;
        auto split = std::make_shared<Node>();
        split->children = std::make_unique<std::array<NodePointer, ways>>();
        for (Item& each : node->items) {
            NodePointer& child = (*split->children)[way(each.hash, depth)];
            bool unused = true;
            child = with(child.get(), std::move(each), depth + 1, unused);
        }
        return split;
    }

    /// Null if nothing is left. The key is below `old`.
    static NodePointer without(const Node& old, std::uint64_t hash, unsigned depth, std::string_view key) {
        auto node = std::make_shared<Node>();
        bool empty = true;
        if (old.children) {
            node->children = std::make_unique<std::array<NodePointer, ways>>(*old.children);
            NodePointer& child = (*node->children)[way(hash, depth)];
            child = without(*child, hash, depth + 1, key);
            for (const NodePointer& each : *node->children) empty = empty && !each;
        } else {
            for (const Item& each : old.items)
                if (each.hash != hash || each.row->first != key) node->items.push_back(each);
            empty = node->items.empty();
        }
        if (empty) return nullptr;
        return node;
    }

    static std::size_t changed(const Node* now, const Node* before) {
        if (!now || now == before) return 0;
        std::size_t number = 1;
        if (now->children)
            for (std::size_t i = 0; i < ways; ++i)
                number += changed((*now->children)[i].get(), before && before->children ? (*before->children)[i].get() : nullptr);
        return number;
    }

    NodePointer root_;
    std::size_t size_ = 0;
};

}  // namespace lictor::catalog
