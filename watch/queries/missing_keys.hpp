// A `leader` line names keys that do not exist: what is there instead? Lists the folder in which they should be and, for a Patroni scope,
// searches the other namespaces, so that the log can name the remedy. Control thread only.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "watch/catalog/registration.hpp"
#include "watch/queries/blocking_watch.hpp"

namespace lictor::queries {

/// One search, of at most NamespaceSearch::requests_max + 1 reads of key names. `context` must outlive it.
class MissingKeys {
public:
    /// `on_end` gets a text of printable characters, at most about 400 bytes, such as `scopes seen there: pglab`; empty if the folder could
    /// not be listed. It is not called from inside the constructor; it may destroy this object.
    MissingKeys(WatchContext& context, const conf::LeaderRule& rule, std::function<void(std::string hint)> on_end);
    ~MissingKeys();
    MissingKeys(const MissingKeys&) = delete;
    MissingKeys& operator=(const MissingKeys&) = delete;

private:
    void list(const std::string& prefix, bool folders, std::function<void(std::optional<std::vector<std::string>>)> done);
    void search_namespaces();
    std::string hint() const;

    WatchContext& context_;
    const conf::LeaderRule rule_;
    const std::string folder_;  ///< where the scope or the key should be, with the slash; empty = the top
    const std::function<void(std::string)> on_end_;
    std::optional<std::vector<std::string>> names_;  ///< in the folder; none: it could not be listed
    std::optional<catalog::NamespaceSearch> search_;
    http::Http::Ticket ticket_ = 0;
};

}  // namespace lictor::queries
