// Watches one Patroni scope with a recursive read of the keys below `<namespace>/<scope>/`, the members' nodes from the catalog and, while
// a query is held, the REST API of the lock's holder. LeaderFusion and ReplicaJudge judge these facts.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "watch/leader/leader.hpp"
#include "watch/leader/replicas.hpp"
#include "watch/queries/leader_watch.hpp"
#include "watch/queries/probe_watch.hpp"

namespace lictor::queries {

class ScopeWatch : public LeaderWatch<leader::LeaderFusion, catalog::ScopeFacts> {
public:
    ScopeWatch(WatchContext& context, conf::LeaderRule rule, leader::Origin origin);
    ~ScopeWatch() override;

    bool discovered() const { return origin_ == leader::Origin::discovered; }
    /// The service whose instances are the members.
    const std::string& service() const { return verdict().service; }
    /// Patroni's ttl in seconds, from `config`.
    std::uint32_t ttl() const { return ttl_; }
    /// Facts from before a restart; they are answered until `until` if Consul cannot be read.
    void keep_saved(const catalog::ScopeFacts& facts, Now until);
    /// The instances of `service`, from its own watch.
    void on_service(const catalog::ServiceEntry& entry);
    /// A query for the leader is held.
    void on_query_held() { probe_.needed_for(context_.leader_hold); }
    /// Judges contact, and repeats the read of a single key. Called every 250 ms.
    void on_tick(Now now);
    /// The options changed.
    void judge_again() { put(); }

private:
    void on_facts(catalog::ScopeFacts facts, const polling::HttpReply& reply) override;
    void on_absent() override;
    void on_trouble(polling::Refusal refusal, const std::string& why) override;
    void put() override;

    void use_saved();
    void take(const catalog::ScopeFacts& facts);
    void ask_single_key();
    void on_single_key(const polling::HttpReply& reply);

    const leader::Origin origin_;
    leader::ReplicaJudge replicas_;
    std::map<std::string, catalog::MemberNode> nodes_;  ///< of the members, from the catalog
    std::uint64_t taken_index_ = 0;
    std::uint32_t ttl_ = 30;                    ///< Patroni's default until `config` is read
    std::optional<catalog::ScopeFacts> saved_;  ///< until Consul was read
    Now saved_until_{};
    std::optional<Now> asked_single_at_;
    http::Http::Ticket single_ = 0;
    ProbeWatch probe_;
};

}  // namespace lictor::queries
