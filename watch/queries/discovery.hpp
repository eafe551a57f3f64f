// Finds Patroni scopes that are not configured: a service with Patroni's registration becomes a scope once its keys are found. While the
// keys are searched, queries for the leader are held, so that the first answer is right. A service without keys is an ordinary one. The
// number of candidates and of reads is bounded. Used on the control thread only.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "watch/catalog/registration.hpp"
#include "watch/queries/blocking_watch.hpp"

namespace lictor::queries {

/// No effect with consul-dns-compat=strict. `context` must outlive it.
class Discovery {
public:
    struct Hooks {
        std::function<bool(const std::string& service)> followed;  ///< true if a scope of this service is followed
        /// True if one more scope may be followed, in addition to `additional` that are searched.
        std::function<bool(std::size_t additional)> room;
        std::function<void(conf::LeaderRule)> found;  ///< follows this scope
        /// The namespace of this scope before a restart.
        std::function<std::optional<std::string>(const std::string& scope, const std::string& service)> saved_namespace;
    };
    Discovery(WatchContext& context, Hooks hooks) : context_(context), hooks_(std::move(hooks)) {}
    ~Discovery();

    /// New instances of a service of the agent's own datacenter.
    void on_service(const catalog::ServiceEntry& service);
    /// Repeats searches that found nothing. `entry_of`: the present entry of a service; null if it is not watched. Called every 250 ms.
    void on_tick(Now now, const std::function<std::shared_ptr<const catalog::ServiceEntry>(const std::string&)>& entry_of);
    /// The configuration changed: removes all candidates.
    void reset();

private:
    /// A service with Patroni's registration that is not followed.
    struct Candidate {
        catalog::Registration registration;
        std::optional<catalog::NamespaceSearch> search;  ///< running
        http::Http::Ticket ticket = 0;
        bool holds = false;                   ///< a leader entry in the Catalog holds queries until the search ends
        bool stale = false;                   ///< the registration is from before an outage: its tags are not answered while it lasts
        bool logged = false;                  ///< why it is not followed
        bool denied = false, failed = false;  ///< keys that the token may not list; keys that could not be listed now
        unsigned failures = 0;                ///< searches in a row that failed
        Now again{};                          ///< no search before this time
    };
    bool on() const;
    void begin(const std::string& service, Candidate& candidate);
    void go_on(const std::string& service);
    void on_reply(const std::string& service, const polling::HttpReply& reply);
    void conclude(std::string service, Candidate& candidate);
    void follow(const std::string& service, const Candidate& candidate, const std::string& name_space, const char* how);
    void release_queries(const std::string& service, Candidate& candidate);
    bool has_room() const;

    WatchContext& context_;
    Hooks hooks_;
    std::map<std::string, Candidate> candidates_;  ///< by service
};

}  // namespace lictor::queries
