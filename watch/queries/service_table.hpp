// Which services are watched? A service is watched from its first query until no query came for consul-watch-idle. The number is
// bounded. Names that are not registered (typing errors, search lists, random names) can neither evict registered ones nor use up the
// agent's connections: a watch that is cancelled occupies a connection of the agent until its wait ends. Used on the control thread only.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "watch/queries/service_watch.hpp"

namespace lictor::queries {

class ServiceTable {
public:
    /// Called with each entry that has new instances.
    using Changed = std::function<void(const catalog::ServiceEntry&)>;
    ServiceTable(WatchContext& context, Changed changed) : context_(context), changed_(std::move(changed)) {}

    /// A query needs the service: watches it, or puts an entry without a watch that is delegated, failed, or without instances
    /// because the name is no label. Names in lower case; an empty name is ignored.
    void request(const std::string& name, const std::string& datacenter, Now now);
    /// Services of the agent's own datacenter that are always watched, beyond the bound.
    void pin(const std::set<std::string>& names);
    /// Ends idle watches and entries. Called every 250 ms.
    void on_tick(Now now);
    /// Entries from before a restart; answered if Consul cannot be read.
    void use_saved(const std::vector<std::shared_ptr<const catalog::ServiceEntry>>& entries);
    /// The gate of Contact opened: starts the queued first reads.
    void start_queued();
    /// The gate of Contact was shut: queued watches are parked like all others.
    void park_queued();
    /// The Consul addresses changed: all watches are restarted by the caller.
    void clear_queue() { queue_.clear(); }

    /// The watches of the agent's own datacenter, counted as their replies come.
    polling::WatchCounts counts() const { return counts_; }
    /// Every pinned service has been read.
    bool pinned_known() const;
    /// The entry of a watched service, by catalog::service_key; null if it is not watched.
    std::shared_ptr<const catalog::ServiceEntry> find(const std::string& key) const;
    /// Every watch, in any order. `visit` must not add or end one.
    template <class Visit>
    void each(Visit visit) {
        for (const auto& [key, watch] : watches_) visit(*watch);
    }
    template <class Visit>
    void each(Visit visit) const {
        for (const auto& [key, watch] : watches_) visit(static_cast<const ServiceWatch&>(*watch));
    }

private:
    using Watches = std::unordered_map<std::string, std::unique_ptr<ServiceWatch>>;
    ServiceWatch& add(const std::string& name, const std::string& datacenter, Now now);
    void on_replied(ServiceWatch& watch);
    void bound_empty(ServiceWatch& watch, Now now);
    bool make_room(Now now);
    bool idle(const ServiceWatch& watch, Now now) const;
    enum class Instances : std::uint8_t { none, some };
    /// Of the watches with or without instances the one whose last query is oldest; null if there is none.
    ServiceWatch* least_asked(Instances instances) const;
    bool may_cancel(const ServiceWatch& watch, Now now);
    bool may_read(Now now);
    /// Ends a watch; its entry stays in the Catalog for `keep` more.
    void retire(ServiceWatch& watch, Now keep, Now now);
    void keep_for_outage(const std::string& key, const std::shared_ptr<const catalog::ServiceEntry>& entry);
    /// Puts an entry without a watch into the Catalog.
    void put_unwatched(catalog::ServiceEntry entry, Now until);
    std::size_t unpinned() const { return watches_.size() - pinned_; }
    std::size_t empty() const;

    WatchContext& context_;
    Changed changed_;
    polling::WatchCounts counts_;  ///< before the watches, which change it when they end
    Watches watches_;
    std::vector<std::unique_ptr<ServiceWatch>> retired_;  ///< freed by the next tick: one may be running now
    std::map<std::string, Now> unwatched_;                ///< entries without a watch: until when
    std::map<std::string, Now> missing_datacenters_;
    std::map<std::string, std::shared_ptr<const catalog::ServiceEntry>> ended_;  ///< last entries of ended watches, for an outage
    std::deque<std::string> ended_order_;
    std::deque<std::string> queue_;  ///< keys of watches whose first read is not sent yet
    std::deque<Now> cancelled_;      ///< when the agent's connections of cancelled watches are free again
    std::size_t first_reads_ = 0, pinned_ = 0;
    double tokens_ = 200;  ///< first reads allowed now
    Now tokens_at_{};
};

}  // namespace lictor::queries
