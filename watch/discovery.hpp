// Patroni scopes that nobody configured: a service whose registration is Patroni's becomes a scope once its keys are found. From the
// moment that the registration is known until the keys are found (or are not) the leader's name waits, so that its first answer is right
// already. What is not found is an ordinary service. Bounded in number and in reads.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "watch/blocking_watch.hpp"
#include "watch/registration.hpp"

namespace lictor {

class Discovery {
public:
    struct Hooks {
        std::function<bool(const std::string& service)> followed;  ///< there is a scope for this service already
        std::function<bool(std::size_t coming)> room;              ///< one more may be followed, besides those that may come
        std::function<void(LeaderRule)> found;                     ///< follow it
        /// The namespace in which a scope of this service was followed before a restart.
        std::function<std::optional<std::string>(const std::string& scope, const std::string& service)> remembered;
    };
    Discovery(WatchContext& context, Hooks hooks) : context_(context), hooks_(std::move(hooks)) {}
    ~Discovery();

    /// A service of the agent's own datacenter, as it is now.
    void on_service(const ServiceEntry& service);
    /// Searches that found nothing are tried again in time. `entry_of`: what is known of a service now, null if it is not watched.
    void look(Now now, const std::function<std::shared_ptr<const ServiceEntry>(const std::string&)>& entry_of);
    /// The configuration changed: everything that was not followed is looked at again.
    void reset();

private:
    struct Look {
        Registration registration;
        std::optional<NamespaceSearch> search;  ///< while one is under way
        Http::Ticket ticket = 0;
        bool waits = false;                     ///< a leader entry stands in the Catalog until the search is over
        bool stale = false;                     ///< the registration is from before an outage: its tags are no answer while it lasts
        bool warned = false;
        bool denied = false, failed = false;    ///< something may not be read; something could not be read just now
        unsigned failures = 0;                  ///< searches in a row that failed
        Now again{};                            ///< not searched before
    };
    bool on() const { return context_.options.consul_dns_compat == ConsulCompat::fixed; }
    void begin(const std::string& service, Look& look);
    void go_on(const std::string& service);
    void on_reply(const std::string& service, const HttpReply& reply);
    void conclude(const std::string service, Look& look);
    void follow(const std::string& service, const Look& look, const std::string& name_space, const char* how);
    void unwait(const std::string& service, Look& look);
    bool has_room() const;

    WatchContext& context_;
    Hooks hooks_;
    std::map<std::string, Look> looks_;  ///< by service: those that look like Patroni's and are not followed
};

}  // namespace lictor
