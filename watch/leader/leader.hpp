// Who leads a Patroni scope? A state machine that takes facts and decides who is answered and why. Patroni's lock and member keys in
// Consul's KV decide; the catalog can only withdraw an answer; the holder is answered once it is known to be primary. An event stores its
// facts (leader.cpp); then all facts are judged again (leader_table.cpp). Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "conf/base/clock.hpp"
#include "conf/values/consul_rules.hpp"
#include "watch/catalog/catalog.hpp"
#include "watch/catalog/leader_facts.hpp"
#include "watch/leader/answer.hpp"
#include "watch/leader/time_line.hpp"
#include "watch/leader/words.hpp"

namespace lictor::leader {

/// The holder of the lock while its promotion is not known.
struct UnconfirmedHolder {
    std::string scope, member, api_url;
    std::uint64_t lock_index = 0;  ///< ModifyIndex of the lock
    bool operator==(const UnconfirmedHolder&) const = default;
};

/// `configured` by a `leader` line, or `discovered` by its registration.
enum class Origin : std::uint8_t { configured, discovered };

/// One per scope, on the control thread. A value: no I/O, no clock.
class LeaderFusion {
public:
    /// A configured scope is never `gone`: without keys it stays vacant, because the line may be misspelt or the cluster not be made yet.
    explicit LeaderFusion(conf::LeaderRule rule, Origin origin = Origin::configured);

    /// New facts from KV. Older facts than those held (by `index`; at an equal or unknown index by the lock's ModifyIndex) are ignored: a
    /// late reply never brings a deposed leader back.
    void on_scope(const catalog::ScopeFacts& facts, Moment at);
    /// The keys were read again and have not changed; they are not denied any more.
    void on_same(Moment at);
    /// Consul's index went backwards: the next facts are adopted whatever their index. Called before the reply of the second, default read.
    void on_index_reset();
    /// New facts from the catalog, by member name (Service.ID is `<scope>/<member>`).
    void on_nodes(std::map<std::string, catalog::MemberNode> nodes, Moment at);
    /// The read of this scope's keys fails, or worked again (with a change or without). `leader_max_stale`: 0 = no bound.
    void on_contact(ConsulContact contact, Moment at, seconds leader_max_stale);
    /// The REST API of `holder` reported the role primary. Ignored if that member does not hold this lock any more.
    void on_probe(const UnconfirmedHolder& holder, Moment at);
    /// `deadline` has passed.
    void on_time(Moment at);

    /// The verdict. `version` rises by one with each change of the answer; the caller makes it unique over all entries. Without a leader
    /// `member`, `lock_index` (ModifyIndex at which the lock was taken) and `timeline` are those of the last leader, and host and port are
    /// empty.
    const catalog::LeaderEntry& verdict() const { return entry_; }
    /// The member to ask for its role: it holds the lock and may be promoted, and its record does not show it yet.
    std::optional<UnconfirmedHolder> unconfirmed_holder() const;
    /// The keys as last adopted.
    const catalog::ScopeFacts& facts() const { return facts_; }
    /// When to call on_time; none = never.
    std::optional<Now> deadline() const { return deadline_; }

private:
    /// One holding of the lock, from when a member takes it until it is released. ModifyIndex distinguishes them: Patroni deletes the key,
    /// and LockIndex begins at 1 again.
    struct Holding {
        std::string member, session;
        std::uint64_t lock_index = 0, modify_index = 0;
        bool operator==(const Holding&) const = default;
    };
    /// The last known address of a member; kept while its key or its registration is missing.
    struct Location {
        std::string member;
        catalog::HostText host, node_address;
        std::uint16_t port = 0;
        std::optional<std::uint64_t> timeline;
    };
    struct Decision {
        catalog::LeaderState state = catalog::LeaderState::vacant;
        catalog::LeaderReason reason = catalog::LeaderReason::lock_free;
    };

    bool is_older(const catalog::ScopeFacts& facts) const;
    void note_handover(const catalog::ScopeFacts& next, Now now);
    Holding holding() const { return {facts_.leader, facts_.leader_session, facts_.leader_lock_index, facts_.leader_modify_index}; }
    void decide(Moment at);
    Decision judge(Moment at);
    Decision judge_held(Moment at);
    Decision judge_free(Moment at);
    Decision judge_vacant() const;
    bool is_announced(Moment at);
    bool has_released() const;
    bool is_overtaken(const std::string& member) const;
    Decision keep_for_grace(Moment at);
    Decision without_contact(Decision decision, Moment at);
    Decision without_keys(Decision decision, Moment at);
    void publish(const Decision& decision, Moment at);

    bool locate(const std::string& member, const catalog::MemberRow* row);
    const catalog::MemberRow* row_of(const std::string& member) const;
    const catalog::MemberNode* node_of(const std::string& member) const;
    void wake_at(Now when);

    conf::LeaderRule rule_;
    Origin origin_;
    catalog::LeaderEntry entry_;
    std::optional<Now> deadline_;

    catalog::ScopeFacts facts_;
    bool read_ = false;
    bool denied_ = false;
    std::map<std::string, catalog::MemberNode> nodes_;

    std::uint64_t index_ = 0;      ///< of the newest facts taken
    std::uint64_t lock_seen_ = 0;  ///< ModifyIndex of the newest lock
    bool lock_ended_ = false;      ///< the lock has been free since
    Holding confirmed_;            ///< its holder was a running primary
    Holding probed_;               ///< its holder's REST API reported primary before the record did
    bool was_running_ = false;     ///< the last record of the answered member
    Location where_;
    seconds loop_wait_{10};  ///< Patroni's default until `config` is read
    std::optional<Now> grace_until_;
    std::string lock_session_;         ///< of the last lock
    std::optional<Now> announced_at_;  ///< a switchover was requested under the present holding
    std::optional<Now> released_at_;   ///< when that session released the lock without ending
    std::optional<Now> absent_since_;

    Outage outage_;
    LeaderTimeLine time_line_;
};

}  // namespace lictor::leader
