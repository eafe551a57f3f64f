// Who holds a plain lock of Consul's? One key with a session on it (`consul lock`, the leader election guide), the session's node, and
// where that node is: fed in as facts, out comes the LeaderEntry for `NAME.leader.<domain>`. The rules are those of a Patroni scope where
// they apply: one address, withdrawn in the instant that the key is free or another session's, kept while Consul is away. No grace: who
// loses a plain lock has been told so. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "conf/base/clock.hpp"
#include "conf/options.hpp"
#include "watch/catalog.hpp"
#include "watch/consul_json.hpp"

namespace lictor {

/// The part left of the domain: what stands in the Catalog as the entry's service. No service has a dot in its label.
std::string lock_name(const LeaderRule& rule);

/// The address that a holder wrote into its key: `host`, `host:port`, `[v6]:port`, a URL, or a JSON object with an address and perhaps
/// a port. Port 0 = not told.
struct LockAddress {
    HostText host;
    std::uint16_t port = 0;
};
std::optional<LockAddress> parse_lock_address(std::string_view value);

class LockState {
public:
    explicit LockState(LeaderRule rule);

    /// The key as read.
    void on_key(const LockBody& body, Moment at);
    /// Read again, and as before.
    void on_same(Moment at);
    void on_denied(Moment at);
    /// Whose session it is.
    void on_session(const std::string& session, const std::string& node, Moment at);
    /// Where that node is.
    void on_node(const std::string& node, const std::string& address, Moment at);
    void on_contact(bool lost, Moment at, seconds leader_max_stale);
    void on_time(Moment at) { decide(at); }

    /// The session whose node is not known yet; empty = none.
    const std::string& session_wanted() const { return session_wanted_; }
    /// The node of the holder; empty = not known.
    const std::string& node() const { return node_; }
    const LeaderEntry& verdict() const { return entry_; }
    std::optional<Now> deadline() const { return deadline_; }

private:
    void decide(Moment at);
    LeaderReason judge(Moment at);
    bool locate();

    LeaderRule rule_;
    LeaderEntry entry_;
    LockBody body_;
    bool read_ = false, denied_ = false;
    std::string session_wanted_, session_, node_;  ///< `node_` is that of `session_`
    HostText node_address_, host_;
    std::uint16_t port_ = 0;
    bool contact_lost_ = false;
    Now lost_at_{};
    seconds max_stale_{0};
    std::optional<Now> deadline_;
};

}  // namespace lictor
