// Which upstream gets the next try. Knows failures and round-trip times of each upstream resolver, knows no sockets and no questions.
// The last one that answered is asked first (as dnsmasq does) unless the order is strict; one that keeps failing is left aside for a
// growing pause, but never all of them: then the one whose pause ends first is tried. Belongs to one worker; times come from the caller.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "conf/base/clock.hpp"
#include "resolver/core/forward.hpp"
#include "resolver/core/rules.hpp"

namespace lictor {

/// One upstream and what is known of it. Shared by the groups that list it and the questions in flight to it.
class Target {
public:
    explicit Target(Upstream upstream) : upstream_(std::move(upstream)) {}

    const Upstream& upstream() const { return upstream_; }
    bool down(Now now) const { return now < down_until_; }
    Now down_until() const { return down_until_; }
    /// How long a reply is waited for before another try is made beside it (RFC 6298's estimate within bounds).
    microseconds patience() const;
    /// It answered FORMERR to EDNS and something useful without: no EDNS for a while.
    bool without_edns(Now now) const { return now < plain_until_; }

    void sent() { ++report_.sent; }
    void answered(microseconds rtt);           ///< any genuine reply over UDP
    void alive();                              ///< any genuine reply
    void failed_to_answer() { ++report_.failed; }  ///< SERVFAIL and its like: alive, but of no use for this question
    void refused() { ++report_.refused; }
    void denied() { ++report_.nxdomain; }
    void timed_out(Now now);
    void unreachable(Now now);
    void learned_plain(Now now);
    UpstreamReport report(Now now) const;

private:
    void fault(Now now);

    Upstream upstream_;
    UpstreamReport report_;
    microseconds deviation_{0};
    unsigned faults_ = 0;                      ///< in a row
    microseconds pause_{0};
    Now down_until_{0}, plain_until_{0};
};

/// The upstreams for some names, in the configured order.
struct Group {
    std::vector<std::shared_ptr<Target>> members;
    std::size_t last_good = 0;
    bool agent = false;
    // When all were asked last, to find out who is quickest, and how many questions ago.
    std::optional<Now> raced;
    unsigned since_race = 0;
};

/// What one question has tried so far with one member of its group.
struct Tried {
    std::uint8_t times = 0;
    bool useless = false;        ///< said SERVFAIL, REFUSED or the like: not asked again for this question
    bool unreachable = false;    ///< no path to it just now
};

/// Index of the member to try next, or nothing. `tried` has one element for each member.
std::optional<std::size_t> pick(const Group& group, std::span<const Tried> tried, bool strict_order, Now now);

/// All groups of the rules in force; health outlives a change of rules.
class Upstreams {
public:
    void adopt(const Rules& rules);
    /// The group for one of the rules' own UpstreamGroup objects; null if it has no members.
    const std::shared_ptr<Group>& group(const UpstreamGroup* of) const;
    const std::shared_ptr<Group>& agent() const { return agent_; }
    std::vector<UpstreamReport> reports(Now now) const;

private:
    std::vector<std::shared_ptr<Target>> targets_;
    std::unordered_map<const UpstreamGroup*, std::shared_ptr<Group>> groups_;
    const UpstreamGroup* default_route_ = nullptr;
    std::shared_ptr<Group> default_, agent_, none_;
};

}  // namespace lictor
