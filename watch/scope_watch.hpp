// One leader scope: a recursive read of Patroni's keys below `<namespace>/<scope>/` through Consul's leader, the nodes of its members from
// the catalog and, while somebody waits, the REST API of who holds the lock, fed into the LeaderFusion; its verdict is the LeaderEntry of
// the Catalog.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "watch/blocking_watch.hpp"
#include "watch/consul_json.hpp"
#include "watch/leader.hpp"
#include "watch/probe_watch.hpp"
#include "watch/replicas.hpp"

namespace lictor {

class ScopeWatch : public BlockingWatch {
public:
    /// `discovered`: nobody configured it.
    ScopeWatch(WatchContext& context, LeaderRule rule, bool discovered = false);
    ~ScopeWatch() override;

    const LeaderRule& rule() const { return rule_; }
    bool discovered() const { return discovered_; }
    /// Key of the service whose instances are the members.
    const std::string& service() const { return fusion_.verdict().service; }
    const LeaderEntry& verdict() const { return fusion_.verdict(); }
    /// What stands in the Catalog.
    const LeaderEntry& entry() const { return *entry_; }
    /// Instances of `service`, from its own watch.
    void on_service(const ServiceEntry& entry);
    /// A question for the leader is held.
    void somebody_waits() { probe_.wanted(context_.options.leader_hold); }
    /// Things that come with time: a watch that fails for a while, a prefix that is gone.
    void look(Now now);
    /// Options changed.
    void judge_again() { put(); }

private:
    std::string path() const override;
    std::size_t held() const override { return exists_ ? 1 : 0; }
    Parse parse() const override;
    void on_facts(Parsed parsed, const HttpReply& reply) override;
    void on_absent(const HttpReply& reply) override;
    void on_same() override;
    void on_trouble(Trouble trouble, const std::string& why) override;

    void with_contact();
    void take(const ScopeFacts& facts);
    void ask_single_key();
    void on_single_key(const HttpReply& reply);
    void put();

    LeaderRule rule_;
    const bool discovered_;
    const std::string prefix_;
    LeaderFusion fusion_;
    ReplicaJudge replicas_;
    std::map<std::string, MemberNode> nodes_;  ///< of the members, by the catalog
    std::shared_ptr<const LeaderEntry> entry_;
    std::uint64_t fusion_version_ = 0, taken_index_ = 0;
    bool exists_ = false;      ///< of the facts held
    bool absent_ = false;      ///< the prefix reads as absent: gone or denied
    bool lost_ = false;
    std::optional<Now> asked_single_at_;
    Http::Ticket single_ = 0;
    Timer deadline_;
    ProbeWatch probe_;
};

}  // namespace lictor
