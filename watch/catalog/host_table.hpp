// The host names that Consul's data has in place of an address: to which addresses they resolve, and when they are resolved again. Names
// with a query in the last 10 s and names of scope members are resolved every 1.5 s, whatever their TTL; others are removed after a minute.
// Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "watch/catalog/catalog_builder.hpp"

namespace lictor::catalog {

/// The result of one resolution.
struct HostAnswer {
    std::optional<std::vector<Address>> v4, v6;  ///< nothing: the query for this family failed

    /// At least one address was found.
    bool any() const { return (v4 && !v4->empty()) || (v6 && !v6->empty()); }
};

/// Names are in lower case. At most 512 names of 253 bytes, each with 64 addresses of a family. Lives on the control thread.
class HostTable {
public:
    explicit HostTable(CatalogBuilder& builder) : builder_(builder) {}

    /// A query needs the name. True: the caller resolves it now and passes the result to `on_host`.
    bool request(const std::string& name, Now now);
    /// The present names of scope members: resolved before the first query.
    void require(std::set<std::string> names);
    /// The result of one resolution. A result without any address, or a family whose query failed, keeps the last known
    /// addresses. Ignored for a name that is not held.
    void on_host(const std::string& name, HostAnswer answer);
    /// Consul is switched off. The caller clears the CatalogBuilder.
    void clear() {
        rows_.clear();
        required_.clear();
    }
    /// Names that the caller resolves now, as for `request`. Also removes names without queries. Called every 250 ms.
    std::vector<std::string> due(Now now);

    /// Number of names held.
    std::size_t size() const { return rows_.size(); }
    /// Number of names not taken: the table was full, or the name too long.
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

}  // namespace lictor::catalog
