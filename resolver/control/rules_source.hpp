// Makes Rules from the options, the followed files, the interface addresses and the addresses of named upstreams, and makes them anew when
// one of these changes. It also sends the control thread's own queries to upstreams: look-ups of host names, the readiness probe, loop
// probes. Used on the control thread only.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "resolver/control/disk.hpp"
#include "resolver/control/host_resolver.hpp"
#include "resolver/control/listen_endpoints.hpp"
#include "resolver/control/named_upstreams.hpp"
#include "resolver/rules/upstream.hpp"

namespace lictor::control {

/// Call `adopt` before the loop runs.
class RulesSource {
public:
    struct Hooks {
        std::function<void(std::shared_ptr<const rules::Rules>)> publish;  ///< new Rules, never null
        std::function<void()> clear_cache;  ///< called after `publish`: workers take the newest View before they clear their caches
    };
    /// `options` and `endpoints` must outlive this object; call `adopt` after `options` changed. lictor's own endpoints are never
    /// upstreams.
    RulesSource(loop::Loop& loop, Random& random, const conf::Options& options, const ListenEndpoints& endpoints, Hooks hooks);

    /// At the start and after a reload: reads the files anew and publishes Rules. The call may block the thread while the disk is read.
    void adopt();
    /// Interface addresses changed: new Rules if they differ.
    void on_interfaces() { disk_.on_interfaces(); }
    /// Upstreams whose loop probe came back (dns-loop-detect); they are left out from now on.
    void on_loops(const std::vector<Endpoint>& upstreams);
    /// Runs the loop until each name of an upstream has been looked up once, 1.5 s at most: queries before that would fail.
    void await_named_upstreams();
    /// Probes the default upstreams every 2 s until one has answered. REFUSED counts: an authoritative server refuses the root's NS, and
    /// serves its own zones.
    void probe_upstreams();
    /// Probes the default upstreams, at most every 2 s, while all of them fail by `reports` (of the workers) and by this thread's queries.
    /// Otherwise a node without queries would show the fault after they have come back.
    void probe_failing(std::vector<forward::UpstreamReport> reports);
    /// Adds the times of the last reply and fault that the control thread's own queries saw. The counts remain those of clients' queries.
    void add_reports(std::vector<forward::UpstreamReport>& reports) const;
    /// There is an upstream for all names, or one whose host name is not resolved yet.
    bool has_upstream() const;
    /// While Consul's HTTP API cannot be read: asks the agent's DNS for the SOA of `domain`, at most every 2 s.
    void probe_agent_dns(const std::string& domain);
    /// The last probe of the agent's DNS was answered.
    bool agent_dns_answers() const { return agent_dns_answers_; }
    /// A probe was answered, or a query of a worker (`reports`), or there is no upstream for all names.
    bool upstream_answered(const std::vector<forward::UpstreamReport>& reports) const;
    /// The followed files as last read; valid until the loop runs again.
    const rules::FollowedFiles& files() const { return disk_.files(); }
    /// For look-ups with the Rules in force; valid as long as this object.
    HostResolver& hosts() { return hosts_; }

private:
    void publish();
    /// Whether `test` holds for the report of an upstream for all names; the agent's DNS may be one of them.
    template <class Test>
    bool any_default(const std::vector<forward::UpstreamReport>& reports, Test test) const;

    loop::Loop& loop_;
    const conf::Options& options_;
    const ListenEndpoints& endpoints_;
    Hooks hooks_;
    FollowedDisk disk_;
    HostResolver hosts_;
    NamedUpstreams named_;
    loop::Timer probe_, loop_probe_;
    std::shared_ptr<const rules::Rules> rules_ = rules::no_rules();
    std::vector<rules::Upstream> upstreams_;  ///< of the Rules in force; empty: loops are to be probed anew
    std::vector<std::string> notes_;          ///< of the Rules in force
    bool upstream_answered_ = false, agent_dns_answers_ = false, agent_dns_asked_ = false;
    Now agent_dns_next_{}, failing_next_{};
};

}  // namespace lictor::control
