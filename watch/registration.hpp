// Is a service of the catalog a Patroni cluster, which scope is it, and in which namespace are its keys? Patroni registers a member as
// `<scope>/<member>` under the scope's name as Consul can spell it, tagged with its role; the namespace (default `service`) stands
// nowhere in the registration and is looked for: first the default, then folder by folder, a bounded number of reads. Nobody is taken
// for Patroni on its registration alone: its keys must be there. Pure; the requests are sent by whoever asks `next`.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "watch/catalog.hpp"

namespace lictor {

struct Registration {
    std::string scope;              ///< verbatim: `cluster_1` of the service `cluster-1`
    std::set<std::string> members;  ///< those registered
    bool operator==(const Registration&) const = default;
};

/// Nothing: not Patroni's, or two scopes that Consul spells alike.
std::optional<Registration> patroni_registration(const ServiceEntry& service);

class NamespaceSearch {
public:
    explicit NamespaceSearch(Registration wanted);

    /// One listing of key names: below `prefix`, with `folders` down to the next slash only.
    struct Request {
        std::string prefix;
        bool folders = false;
    };
    /// What to list next; nothing: the search is over.
    std::optional<Request> next() const;
    /// The names that the request listed.
    void on_names(const std::vector<std::string>& names);
    /// It could not be read: its part of the keys is not for us.
    void on_failure();

    bool over() const { return queue_.empty(); }
    /// Where the keys are. Nothing: nowhere, or in several places alike (`ambiguous`), or, where not everything was listed, in one without any
    /// registered member.
    std::optional<std::string> found() const;
    bool ambiguous() const;
    /// There were more folders than may be read.
    bool cut_short() const { return cut_; }
    const Registration& wanted() const { return wanted_; }

    static constexpr std::size_t requests_max = 64;

private:
    struct Place {
        std::string name_space;
        std::size_t members = 0;  ///< registered members that have a key there
    };
    void take_scope(const std::string& prefix, const std::vector<std::string>& names);
    void take_folders(const std::string& prefix, const std::vector<std::string>& names);
    void push(Request request, bool front);
    std::vector<const Place*> best() const;

    Registration wanted_;
    std::deque<Request> queue_;
    std::vector<Place> places_;
    std::size_t sent_ = 0;
    bool cut_ = false, missed_ = false;  ///< more folders than may be read; a request that could not be read
};

}  // namespace lictor
