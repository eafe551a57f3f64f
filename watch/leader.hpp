// Who leads? The state machine of one scope: it is fed facts and says who is to be answered and why. Keys in Consul's KV (Patroni's leader
// lock and members) beat tags in the catalog; the holder's own role gates the answer. Each event stores what it says (leader.cpp) and
// everything that is known is judged again (leader_table.cpp); no event leads straight to an answer. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "conf/base/clock.hpp"
#include "conf/options.hpp"
#include "watch/catalog.hpp"
#include "watch/leader_facts.hpp"
#include "watch/leader_times.hpp"
#include "watch/leader_words.hpp"

namespace lictor {

/// Somebody who holds the lock and whose promotion is not known yet.
struct UnprovenHolder {
    std::string scope, member, api_url;
    std::uint64_t lock_index = 0;  ///< ModifyIndex of the lock
    bool operator==(const UnprovenHolder&) const = default;
};

/// One per scope, on the control thread. A value: no I/O, no clock.
class LeaderFusion {
public:
    explicit LeaderFusion(LeaderRule rule);

    /// New facts from KV. Facts older than those held (by `index`, or at an equal or unknown index by the lock's ModifyIndex) are
    /// ignored: a late reply never brings a deposed leader back.
    void on_scope(const ScopeFacts& facts, Moment at);
    /// The keys were read again and are as last told: a denial is over.
    void on_same(Moment at);
    /// The next facts are authority whatever their index: Consul's index went backwards and this is the reply of the second, default read.
    void on_index_reset();
    /// New facts from the catalog: members of the scope by member name (from Service.ID `<scope>/<member>`).
    void on_nodes(std::map<std::string, MemberNode> nodes, Moment at);
    /// Contact with Consul was lost or came back: the read of this scope's own keys fails, or was answered again (changed or not).
    void on_contact(bool lost, Moment at, seconds leader_max_stale);
    /// The REST API of `holder` said that its PostgreSQL is primary. False: that one does not hold this lock any more, and nothing was learned.
    bool on_probe(const UnprovenHolder& holder, Moment at);
    /// A deadline passed.
    void on_time(Moment at);

    /// The verdict now. `version` rises by one whenever what is answered changes; the caller makes it unique. `member`, `lock_index` (the
    /// ModifyIndex at which the lock was taken) and `timeline` tell of who led last while nobody does; there is no address then.
    const LeaderEntry& verdict() const { return entry_; }
    /// Whom to ask for a role: who holds the lock, may be promoted and has not said so in KV yet.
    std::optional<UnprovenHolder> unproven() const;
    /// The keys as last believed.
    const ScopeFacts& facts() const { return facts_; }
    /// When on_time has to be called next; none = never.
    std::optional<Now> deadline() const { return deadline_; }

private:
    /// One holding of the lock. ModifyIndex tells reigns apart, because Patroni deletes the key and LockIndex begins at 1 again with
    /// each new one.
    struct Reign {
        std::string member, session;
        std::uint64_t lock_index = 0, modify_index = 0;
        bool operator==(const Reign&) const = default;
    };
    /// The address of a member as last told, kept across gaps of its key and its registration.
    struct Where {
        std::string member;
        HostText host, node_address;
        std::uint16_t port = 0;
        std::optional<std::uint64_t> timeline;
    };
    struct Decision {
        LeaderState state = LeaderState::vacant;
        LeaderReason reason = LeaderReason::lock_free;
    };

    bool is_older(const ScopeFacts& facts) const;
    void note_handover(const ScopeFacts& next, Now now);
    Reign reign_now() const { return {facts_.leader, facts_.leader_session, facts_.leader_lock_index, facts_.leader_modify_index}; }
    void decide(Moment at);
    Decision judge(Moment at);
    Decision judge_held(Moment at);
    Decision judge_free(Moment at);
    Decision judge_nobody() const;
    bool is_announced(Moment at);
    bool has_let_go() const;
    bool is_overtaken(const std::string& member) const;
    Decision keep_for_grace(Moment at);
    Decision without_contact(Decision decision, Moment at);
    Decision forget(Decision decision, Moment at);
    void publish(const Decision& decision, Moment at);

    bool locate(const std::string& member, const MemberRow* row);
    const MemberRow* row_of(const std::string& member) const;
    const MemberNode* node_of(const std::string& member) const;
    void wake_at(Now when);

    LeaderRule rule_;
    LeaderEntry entry_;
    std::optional<Now> deadline_;

    ScopeFacts facts_;
    bool read_ = false;
    bool denied_ = false;
    std::map<std::string, MemberNode> nodes_;

    std::uint64_t index_ = 0;      ///< of the newest facts taken
    std::uint64_t lock_seen_ = 0;  ///< ModifyIndex of the newest lock seen
    bool lock_ended_ = false;      ///< that lock was seen free again
    Reign confirmed_;              ///< the reign whose holder was seen as running primary
    Reign probed_;                 ///< the reign whose holder's REST API said primary while its record did not yet
    bool was_running_ = false;     ///< what the answered member last said of itself
    Where where_;
    seconds loop_wait_{10};  ///< Patroni's default, until `config` tells
    std::optional<Now> grace_until_;
    std::string lock_session_;           ///< of the lock seen last
    std::optional<Now> announced_at_;    ///< a switchover was asked for under the reign that is on
    std::optional<Now> released_at_;     ///< that session let go of the lock and lives
    std::optional<Now> absent_since_;

    bool contact_lost_ = false;
    Now lost_at_{};  ///< or of the last facts since
    seconds max_stale_{0};
    LeaderChronicle chronicle_;
};

}  // namespace lictor
