// Which services are watched. A service is watched when somebody asks for it and until nobody does any more; the number is bounded, and
// names that are not registered (typing errors, search lists, floods of random names) can neither push out those that are nor use up
// the agent's connections: a watch that is broken off keeps its slot at the agent to the end of its wait.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "watch/service_watch.hpp"

namespace lictor {

class ServiceTable {
public:
    using Changed = std::function<void(const ServiceEntry&)>;
    ServiceTable(WatchContext& context, Changed changed) : context_(context), changed_(std::move(changed)) {}

    void want(const std::string& name, const std::string& datacenter, Now now);
    /// The services of the agent's own datacenter that are watched whether somebody asks or not, beyond the bound.
    void pin(const std::set<std::string>& names);
    void tick(Now now);
    /// What was known before a restart, for an outage.
    void remember(const std::vector<std::shared_ptr<const ServiceEntry>>& entries);
    /// The gate of Contact opened: first reads that were queued begin.
    void start_queued();
    /// The gate shut: those that were queued wait at it like all others.
    void park_queued();
    void restart();

    /// Adds those of the agent's own datacenter.
    void tally(WatchTally& tally) const;
    /// Every pinned service has been read.
    bool pinned_known() const;
    std::size_t size() const { return watches_.size(); }
    std::shared_ptr<const ServiceEntry> find(const std::string& key) const;
    template <class Visit>
    void each(Visit visit) {
        for (const auto& [key, watch] : watches_) visit(*watch);
    }
    template <class Visit>
    void each(Visit visit) const {
        for (const auto& [key, watch] : watches_) visit(static_cast<const ServiceWatch&>(*watch));
    }
    /// Entries without a watch: delegated, or just found to be nothing.
    std::size_t brief() const { return brief_.size(); }

private:
    using Watches = std::unordered_map<std::string, std::unique_ptr<ServiceWatch>>;
    ServiceWatch& add(const std::string& name, const std::string& datacenter, bool pinned, Now now);
    void on_replied(ServiceWatch& watch);
    void judge_hollow(ServiceWatch& watch, Now now);
    bool make_room(Now now);
    bool idle(const ServiceWatch& watch, Now now) const;
    ServiceWatch* least_asked(bool hollow) const;
    bool may_break_off(const ServiceWatch& watch, Now now);
    bool may_read(Now now);
    /// Ends a watch; its entry stays in the Catalog for `keep` more.
    void retire(ServiceWatch& watch, Now keep, Now now);
    void put_brief(const std::string& name, const std::string& datacenter, FactState state, std::string why, bool no_datacenter, Now until);
    std::size_t unpinned() const;
    std::size_t hollow() const;

    WatchContext& context_;
    Changed changed_;
    Watches watches_;
    std::vector<std::unique_ptr<ServiceWatch>> retired_;       ///< freed by the next tick: one of them may be on the stack
    std::map<std::string, Now> brief_;                         ///< entries without a watch: until when
    std::map<std::string, Now> missing_datacenters_;
    std::map<std::string, std::shared_ptr<const ServiceEntry>> attic_;  ///< last facts of ended watches, for an outage
    std::deque<std::string> attic_order_, queue_;
    std::deque<Now> broken_off_;                               ///< when the agent's slots of broken-off watches are free again
    std::size_t first_reads_ = 0;
    double tokens_ = 200;
    Now tokens_at_{};
};

}  // namespace lictor
