// Host names that stand in Consul's data where an address should be: what they resolve to, when to resolve them again. Those asked for
// lately, or members of a scope, are kept fresh whatever TTL they came with; the others are forgotten. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "watch/catalog_builder.hpp"

namespace lictor {

/// What one resolution of a host name brought.
struct HostAnswer {
    std::optional<std::vector<Address>> v4, v6;  ///< nothing: the question about this family failed

    bool any() const { return (v4 && !v4->empty()) || (v6 && !v6->empty()); }
};

class HostTable {
public:
    explicit HostTable(CatalogBuilder& builder) : builder_(builder) {}

    /// Somebody needs the name. True if it is to be resolved now.
    bool want(const std::string& name, Now now);
    /// The names that members of the scopes have now: resolved before anybody asks.
    void require(std::set<std::string> names);
    /// The result of one resolution. Without any address what is known stays, and so does a family whose question failed.
    void on_host(const std::string& name, HostAnswer answer);
    /// Consul is switched off: nothing of it is kept.
    void clear() {
        rows_.clear();
        required_.clear();
    }
    /// Names to be resolved now; forgets those that nobody asks for any more.
    std::vector<std::string> due(Now now);

    std::size_t size() const { return rows_.size(); }
    /// Names not taken because the table was full.
    std::uint64_t refused() const { return refused_; }

private:
    struct Row {
        std::shared_ptr<const HostEntry> entry;
        bool asking = false;
        Now asked_resolver{};
    };
    Row* row(const std::string& name, Now now);
    void put(const std::string& name, Row& row, std::shared_ptr<HostEntry> entry);

    CatalogBuilder& builder_;
    std::map<std::string, Row> rows_;
    std::set<std::string> required_;
    std::uint64_t refused_ = 0;
};

}  // namespace lictor
