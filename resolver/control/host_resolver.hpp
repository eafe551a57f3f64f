// Resolves host names that lictor itself needs: those in Consul's data (conn_url, service addresses) and in consul-http-addr. Hosts files
// and host-record are used first, then lictor's upstreams. libc is never used, because it would query lictor itself. Used on the control
// thread only.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "conf/base/random.hpp"
#include "conf/metrics/metrics.hpp"
#include "resolver/forward/forward.hpp"
#include "resolver/net/links.hpp"
#include "watch/catalog/host_table.hpp"
#include "watch/loop/loop.hpp"

namespace lictor::control {

/// The addresses of both families, IPv4 first. A family without a reply counts as empty.
std::vector<Address> all_addresses(const catalog::HostAnswer& answer);

/// At most 1024 names and 256 upstream sockets at once.
class HostResolver {
public:
    /// Call `adopt` before the rest. `loop` and `random` must outlive this object.
    HostResolver(loop::Loop& loop, Random& random);
    ~HostResolver();  ///< drops the look-ups under way without calling `done`

    /// The upstreams and local data to use. Nothing is cached: a container engine's TTL of ten minutes would keep an address that is no
    /// longer in use.
    void adopt(const std::shared_ptr<const rules::Rules>& rules);
    /// Calls `done` once, during the call or later, within the time limit of forwarding; empty if the host is no name or 1024 look-ups run.
    /// A family is nullopt if its rcode is neither NOERROR nor NXDOMAIN: nothing is known then. 64 addresses of a family at
    /// most. A second call for a name under way joins the first. `done` may call `resolve`, not `adopt`.
    void resolve(const std::string& host, std::function<void(const catalog::HostAnswer&)> done);

    /// dns-loop-detect: sends each upstream one query for a secret name. The replies are ignored; the sockets are
    /// closed after 2 s.
    void probe_loops(const rules::Rules& rules);

    /// Queries the default upstreams for the root's NS; `done` is called once, perhaps during the call, and gets whether one of them
    /// answered: any rcode but SERVFAIL. After REFUSED another one is asked; where all refuse, `done` gets false.
    void probe(std::function<void(bool)> done);
    /// The same with the agent's DNS, for the SOA of `name`.
    void probe_agent(const wire::Name& name, std::function<void(bool)> done);

    /// What the queries of this object have seen of the upstreams, the agent's DNS among them.
    std::vector<forward::UpstreamReport> upstream_reports() const { return forward_.upstream_reports(loop::Loop::now()); }

private:
    struct Lookup {
        catalog::HostAnswer found;
        unsigned outstanding = 0;
        std::vector<std::function<void(const catalog::HostAnswer&)>> waiters;
    };
    void ask(const std::string& host, std::uint16_t type);
    enum class At : std::uint8_t { upstreams, agent };
    std::optional<wire::Bytes> ask_upstream(const wire::Name& name, std::uint16_t type, std::uint64_t ticket, At at = At::upstreams);
    void take(std::uint64_t ticket, wire::Bytes reply);
    void perform();

    Random& random_;
    metrics::WorkerCounters own_;  ///< not part of any metric
    std::shared_ptr<const rules::Rules> rules_ = rules::no_rules();
    std::map<std::string, Lookup> lookups_;
    std::map<std::uint64_t, std::pair<std::string, std::uint16_t>> tickets_;
    std::map<std::uint64_t, std::function<void(bool)>> probes_;
    std::uint64_t next_ticket_ = 1;
    answer::Actions actions_;
    wire::MessageBuffer buffer_;
    forward::Forward forward_;
    loop::Timer tick_;
    std::unique_ptr<net::Links> links_;
    answer::AttemptId next_loop_ = loop_bit;
    std::vector<answer::AttemptId> loops_;  ///< open until end_loops_ fires
    loop::Timer end_loops_;
    static constexpr answer::AttemptId loop_bit = answer::AttemptId{1} << 63;  ///< attempts of the forwarding core never reach it
};

}  // namespace lictor::control
