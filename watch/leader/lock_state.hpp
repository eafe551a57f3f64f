// Who holds a plain lock of Consul (`consul lock`, the leader election guide)? The facts are a key with a session, the session's node and
// the node's address; the result is the LeaderEntry for `NAME.leader.<domain>`. As for a Patroni scope, one address is answered. It is
// withdrawn as soon as the key is free or another session holds it, and kept while Consul is not in contact. There is no grace period:
// Consul notifies a process that loses a plain lock. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "conf/base/clock.hpp"
#include "conf/values/consul_rules.hpp"
#include "watch/catalog/catalog.hpp"
#include "watch/json/consul.hpp"
#include "watch/leader/answer.hpp"

namespace lictor::leader {

/// The service of the entry in the Catalog, `<name>.leader`: the name without the domain. It has a dot, as no service label does.
std::string lock_name(const conf::LeaderRule& rule);

/// The address that the holder wrote into its key: `host`, `host:port`, `[v6]:port`, a URL, or a JSON object with an address and maybe a
/// port. Port 0 = none given.
struct LockAddress {
    catalog::HostText host;
    std::uint16_t port = 0;
};
/// Nothing if the value has no such address, or a NUL byte. A user, path and query of a URL are ignored. In an object the first usable one
/// of `address`, `addr`, `ip` and `host` counts (also `Address` …).
std::optional<LockAddress> parse_lock_address(std::string_view value);

/// One per lock, on the control thread. A value: no I/O, no clock.
class LockState {
public:
    explicit LockState(conf::LeaderRule rule);

    /// The key was read.
    void on_key(const json::LockBody& body, Moment at);
    /// The key was read again and has not changed; it is not denied any more.
    void on_same(Moment at);
    /// The token may not read the key.
    void on_denied(Moment at);
    /// `node` owns `session`. Ignored if another session holds the key now.
    void on_session(const std::string& session, const std::string& node, Moment at);
    /// `address` is the address of `node`. Ignored if another node holds the key now.
    void on_node(const std::string& node, const std::string& address, Moment at);
    /// As LeaderFusion::on_contact.
    void on_contact(ConsulContact contact, Moment at, seconds leader_max_stale);
    /// `deadline` has passed.
    void on_time(Moment at) { decide(at); }

    /// The session whose node is to be looked up; empty = none.
    const std::string& session_to_look_up() const { return session_to_look_up_; }
    /// The holder's node; empty = not known.
    const std::string& node() const { return node_; }
    /// As LeaderFusion::verdict; `member` is the holder's node.
    const catalog::LeaderEntry& verdict() const { return entry_; }
    /// When to call on_time; none = never.
    std::optional<Now> deadline() const { return deadline_; }

private:
    void decide(Moment at);
    catalog::LeaderReason judge(Moment at);
    bool locate();

    conf::LeaderRule rule_;
    catalog::LeaderEntry entry_;
    json::LockBody body_;
    bool read_ = false, denied_ = false;
    bool existed_ = false;                             ///< the key, once: `consul lock` deletes its key when it ends
    std::string session_to_look_up_, session_, node_;  ///< `node_` owns `session_`
    catalog::HostText node_address_, host_;
    std::uint16_t port_ = 0;
    Outage outage_;
    std::optional<Now> deadline_;
};

}  // namespace lictor::leader
