// Which upstream is asked next? Decided from the failures and round-trip times of each upstream. The last one that answered is asked first
// (as in dnsmasq), unless strict-order is set. One that fails repeatedly is not used for a growing pause; if all are paused, the one whose
// pause ends first is used. Used by one thread; times are arguments.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "conf/base/clock.hpp"
#include "resolver/forward/forward.hpp"
#include "resolver/forward/upstream_cookie.hpp"
#include "resolver/rules/rules_fwd.hpp"
#include "resolver/rules/upstream.hpp"

namespace lictor::forward {

/// One upstream and its health. Shared by the groups that list it and by queries in flight.
class Target {
public:
    explicit Target(rules::Upstream upstream) : upstream_(std::move(upstream)) {}

    const rules::Upstream& upstream() const { return upstream_; }
    /// True during a pause after repeated failures.
    bool down(Now now) const { return now < down_until_; }
    /// End of the pause, monotonic; in the past if it is not paused.
    Now down_until() const { return down_until_; }
    /// How long to wait for a reply before another upstream is asked as well: RFC 6298's estimate, within 200 and 800 ms; 400 ms before the
    /// first reply over UDP.
    microseconds wait_limit() const;
    /// How long to wait for a reply before the same upstream is asked again: the estimate within 200 ms and 3 s; 1 s before the first reply
    /// (RFC 6298 §2.1).
    microseconds retry_limit() const;
    /// True if it was reachable within the last ten seconds, or no query of the last 30 seconds failed: it may be restarting. Then a query
    /// is sent again until its time limit, and a failure to reach it is not cached.
    bool may_come_back(Now now) const;
    /// True for ten minutes after it answered without EDNS but not with EDNS.
    bool without_edns(Now now) const { return now < plain_until_; }

    /// What happened to an attempt. Three faults in a row (`timed_out`, `unreachable`) start a pause of one second; each
    /// later fault starts a pause twice as long, up to 30 seconds. Faults during a pause do not count. Any genuine reply ends it.
    void sent() { ++report_.sent; }
    void answered(microseconds rtt, Now now);                      ///< a genuine reply over UDP after this round-trip time
    void took(microseconds span) { report_.responses.add(span); }  ///< a genuine reply, also over TCP, after this time
    void alive(Now now);                                           ///< any genuine reply
    void failed_to_answer() { ++report_.failed; }                  ///< SERVFAIL and similar: a reply without an answer to the query
    void refused() { ++report_.refused; }                          ///< REFUSED
    void denied() { ++report_.nxdomain; }                          ///< NXDOMAIN
    void timed_out(Now now);                                       ///< no reply in time
    void unreachable(Now now);                                     ///< its socket failed
    void learned_plain(Now now);                                   ///< see without_edns
    /// DNS cookies; not sent to upstreams on loopback, where nobody can forge a reply.
    UpstreamCookie cookie;
    /// Counts since the object was made, and health at `now`.
    UpstreamReport report(Now now) const;

private:
    void fault(Now now);

    rules::Upstream upstream_;
    UpstreamReport report_;
    microseconds deviation_{0};
    unsigned faults_ = 0;  ///< in a row
    microseconds pause_{0};
    Now down_until_{0}, plain_until_{0};
    std::optional<Now> unreachable_since_;  ///< since its last reply
    Now last_unreachable_{0};
};

/// The upstreams for some names, in the configured order.
struct Group {
    std::vector<std::shared_ptr<Target>> members;
    std::size_t last_good = 0;
    bool agent = false;
    // When all members were last asked, to find the quickest, and the number of queries since then.
    std::optional<Now> raced;
    unsigned since_race = 0;
};

/// The attempts of one query at one member of its group.
struct Tried {
    std::uint8_t times = 0;
    bool useless = false;      ///< it replied SERVFAIL, REFUSED or similar: not asked again for this query
    bool unreachable = false;  ///< its socket failed
};

/// Index of the member to try next, or nothing. `tried` has one element for each member.
std::optional<std::size_t> pick(const Group& group, std::span<const Tried> tried, bool strict_order, Now now);

/// All groups of the rules in force. The health of an upstream is kept when the rules change.
class Upstreams {
public:
    /// Takes new rules. They must stay alive as long as `group` is called with their objects.
    void adopt(const rules::Rules& rules);
    /// The group for an UpstreamGroup object of the adopted rules; null if it has no members.
    const std::shared_ptr<Group>& group(const rules::UpstreamGroup* of) const;
    const std::shared_ptr<Group>& agent() const { return agent_; }  ///< null without Rules::agent_dns
    /// In the order of Rules::upstreams.
    std::vector<UpstreamReport> reports(Now now) const;

private:
    std::vector<std::shared_ptr<Target>> targets_;
    std::unordered_map<const rules::UpstreamGroup*, std::shared_ptr<Group>> groups_;
    const rules::UpstreamGroup* default_route_ = nullptr;
    std::shared_ptr<Group> default_, agent_, none_;
};

}  // namespace lictor::forward
