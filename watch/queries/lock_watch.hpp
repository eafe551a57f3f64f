// Watches one plain lock: its key and, for each new session on the key, the session's node and the node's address.
#pragma once

#include <optional>
#include <string>

#include "watch/leader/lock_state.hpp"
#include "watch/queries/leader_watch.hpp"

namespace lictor::queries {

class LockWatch : public LeaderWatch<leader::LockState, json::LockBody> {
public:
    LockWatch(WatchContext& context, conf::LeaderRule rule);
    ~LockWatch() override;

    /// Judges contact, and repeats reads that failed or are due. Called every 250 ms.
    void on_tick(Now now);

private:
    void on_facts(json::LockBody body, const polling::HttpReply& reply) override;
    void on_absent() override;
    void on_trouble(polling::Refusal refusal, const std::string& why) override;
    void put() override;

    /// Sends the next read that is needed: the session's node, the node's address, or the key alone to see whether it is denied.
    void ask();
    void on_reply(const polling::HttpReply& reply, const std::string& session, const std::string& node);

    http::Http::Ticket asking_ = 0;
    std::string asked_session_;
    std::optional<Now> asked_at_, node_read_at_;
    bool existed_ = false;  ///< the key, at some time since lictor's start
};

}  // namespace lictor::queries
