// One plain lock: a watch on its key through Consul's leader, and, for each new session on it, who the session's node is and where that
// node is. Its verdict is a LeaderEntry of the Catalog, as a scope's is.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "watch/blocking_watch.hpp"
#include "watch/lock_state.hpp"

namespace lictor {

class LockWatch : public BlockingWatch {
public:
    LockWatch(WatchContext& context, LeaderRule rule);
    ~LockWatch() override;

    const LeaderRule& rule() const { return rule_; }
    const LeaderEntry& entry() const { return *entry_; }
    /// Things that come with time: a watch that fails for a while, a look-up that has to be tried again.
    void look(Now now);

private:
    std::string path() const override;
    std::size_t held() const override { return exists_ ? 1 : 0; }
    Parse parse() const override;
    void on_facts(Parsed parsed, const HttpReply& reply) override;
    void on_absent(const HttpReply& reply) override;
    void on_same() override;
    void on_trouble(Trouble trouble, const std::string& why) override;

    void with_contact();
    /// Sends what is needed next: the session's node, the node's address, or why the key reads as absent.
    void ask();
    void on_asked(const HttpReply& reply, const std::string& session, const std::string& node);
    void put();

    LeaderRule rule_;
    LockState state_;
    std::shared_ptr<const LeaderEntry> entry_;
    std::uint64_t state_version_ = 0;
    bool exists_ = false, absent_ = false, lost_ = false;
    Http::Ticket asking_ = 0;
    std::string asked_session_;
    std::optional<Now> asked_at_, node_read_at_;
    Timer deadline_;
};

}  // namespace lictor
