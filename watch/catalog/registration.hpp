// Is a service a Patroni cluster, of which scope, and in which namespace are its keys? Patroni registers a member as `<scope>/<member>`,
// under the scope's name in Consul's spelling, with its role as a tag. The namespace (default `service`) is not in the registration: it is
// searched, first the default, then folder by folder, with a bounded number of reads. A registration without keys is not Patroni's. Pure;
// the caller sends the requests of `next`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "watch/catalog/catalog.hpp"

namespace lictor::catalog {

/// What the instances of a service show of a Patroni scope.
struct Registration {
    std::string scope;              ///< as Patroni spells it: `cluster_1` of the service `cluster-1`
    std::set<std::string> members;  ///< registered ones
    bool operator==(const Registration&) const = default;
};

/// From the instances with an id `<scope>/<member>`, a role tag, and a scope that Patroni registers under this name. Nothing if there are
/// none, or if two scopes have this service name.
std::optional<Registration> patroni_registration(const ServiceEntry& service);

/// One search. The caller sends the request of `next`, passes its end to `on_names` or `on_failure`, and so on until `next` is empty.
class NamespaceSearch {
public:
    explicit NamespaceSearch(Registration registration);

    /// One list of key names below `prefix`; with `folders` only up to the next slash.
    struct Request {
        std::string prefix;
        bool folders = false;
    };
    /// The next list to read; nothing: the search has ended.
    std::optional<Request> next() const;
    /// The names in the reply to the request of `next`; empty for a 404.
    void on_names(const std::vector<std::string>& names);
    /// The list could not be read.
    void on_failure();

    /// The namespace of the keys. Nothing: there are none, or several namespaces fit equally (`ambiguous`), or not every list was read and
    /// the one namespace has no registered member.
    std::optional<std::string> found() const;
    /// Several namespaces have the scope's keys, and equally many registered members.
    bool ambiguous() const;
    /// There are more folders than `requests_max` allows.
    bool cut_short() const { return cut_; }

    static constexpr std::size_t requests_max = 64;  ///< of one search

private:
    struct Place {
        std::string name_space;
        std::size_t members = 0;  ///< registered members with a key there
    };
    void take_scope(const std::string& prefix, const std::vector<std::string>& names);
    void take_folders(const std::string& prefix, const std::vector<std::string>& names);
    enum class At : std::uint8_t { front, back };
    void push(Request request, At at);
    std::vector<const Place*> best() const;

    Registration registration_;
    std::deque<Request> queue_;
    std::vector<Place> places_;
    std::size_t sent_ = 0;
    bool cut_ = false, missed_ = false;  ///< folders that were not read: too many, or a failure
};

}  // namespace lictor::catalog
