// To which deposed addresses are connections ended (leader-cut), when, and for how long? The answer follows from the Catalogs that the
// watcher offers: connections to a leader's address and port are ended once the facts show that it does not lead any more. Times are
// arguments. Pure; used on the control thread only.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "conf/base/address.hpp"
#include "conf/base/clock.hpp"
#include "watch/catalog/catalog.hpp"

namespace lictor::cut {

/// True if `entry`, which answers no leader, shows that the last leader does not lead any more: another member has the lock, it was
/// released or lost, the member is demoted or stops, or its node failed. False if lictor only lost contact with Consul, may not read the
/// keys or has not read them yet, if the keys are gone, and for a switchover that is only requested: until Patroni has stopped PostgreSQL
/// the leader works, and Patroni may refuse the request.
bool shows_deposed(const catalog::LeaderEntry& entry);

class LeaderCuts {
public:
    /// Connections are ended again, because clients with caches of their own come later: after 50 ms, then at intervals that grow by half
    /// up to `interval_max`; until `after_new_leader` after the new leader was answered, and for `in_all_max` at most.
    static constexpr milliseconds interval_min{50}, interval_max{1000};
    static constexpr seconds after_new_leader{5}, in_all_max{60};
    static constexpr std::size_t deposed_max = 8;  ///< deposed leaders of one service at a time; the oldest one is given up
    static constexpr std::size_t places_max = 32;  ///< of one call of `due`

    /// The connections to one deposed leader are not ended any more.
    struct Finished {
        std::string scope, service, member;
        std::vector<Endpoint> places;   ///< as deposed; empty: the leader's port or IP address is not known, nothing was ended
        std::uint64_t connections = 0;  ///< that were ended
        bool shared = false;            ///< nothing was ended, because it is the address and port of another leader
    };

    /// A Catalog was offered, and none of its leaders is published yet. Every place that it answers as a leader is left alone from now on.
    /// True: `due` may have returned such a place before, so requests under way must be revoked before the Catalog is published.
    bool on_catalog(const catalog::Catalog& offered, Now now);
    /// The places whose connections are to be ended now, each once. Sets the time of their next turn.
    std::vector<Endpoint> due(Now now);
    /// When to call `due` or `take_finished`; nothing: no deposed leader is left.
    std::optional<Now> next() const;
    /// The places returned by the last `due` are due again: the request was revoked.
    void again(Now now);
    /// Connections to `place` were ended. The service of the deposed leader; empty if there is none any more.
    std::string on_ended(const Endpoint& place, std::uint64_t connections);
    /// Deposed leaders whose time is over. Each is returned once.
    std::vector<Finished> take_finished(Now now);

private:
    /// A leader as answered.
    struct Lead {
        std::string member;
        std::uint64_t holding = 0;  ///< of a plain lock: when it was taken; a new holder may be on the same node
        std::vector<Endpoint> places;
    };
    /// A deposed leader.
    struct Deposed {
        std::string member;
        std::vector<Endpoint> all, places;  ///< as deposed; without those that are left alone
        Now began{}, next{};
        microseconds interval = interval_min;
        std::optional<Now> led_since;  ///< another leader is answered
        std::uint64_t connections = 0;
        bool asked = false;  ///< `due` returned its places
        bool shared = false;
        Now end() const;
    };
    struct Service {
        std::string scope, keys;
        std::optional<Lead> last;  ///< the leader answered last, while nothing shows that it is deposed
        std::vector<Deposed> deposed;
    };
    static std::optional<Lead> lead_of(const catalog::Catalog& catalog, const catalog::LeaderEntry& entry);
    static bool differs(const catalog::LeaderEntry& entry, const Lead& before, const Lead& after);
    void depose(Service& service, Now now);
    void leave_to_readers(Service& service, const catalog::Catalog& offered, const catalog::LeaderEntry& entry);

    std::map<std::string, Service> services_;  ///< by service name
    std::vector<Endpoint> last_due_;
};

}  // namespace lictor::cut
