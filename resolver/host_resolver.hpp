// Addresses for host names that lictor itself needs: in Consul's data (conn_url, service addresses) and in consul-http-addr. Asked through
// lictor's own upstreams on the control thread, never through libc, which would ask lictor itself. Hosts files and host-record come first.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "conf/base/random.hpp"
#include "conf/metrics.hpp"
#include "resolver/core/forward.hpp"
#include "resolver/links.hpp"
#include "watch/host_table.hpp"
#include "watch/loop/loop.hpp"

namespace lictor {

class HostResolver {
public:
    HostResolver(Loop& loop, Random& random);
    ~HostResolver();

    /// Rules without a cache are made of these: a container engine's TTL of ten minutes must not keep a dead address.
    void adopt(const std::shared_ptr<const Rules>& rules);
    /// `done` comes once, at once or later, within the forwarding bound. The same name asked meanwhile joins.
    void resolve(const std::string& host, std::function<void(const HostAnswer&)> done);

    /// dns-loop-detect: one question to each upstream for a name that only we know; the replies do not matter.
    void probe_loops(const Rules& rules);

    /// Asks the default upstreams for the root's NS; `done` gets whether one of them answered at all.
    void probe(std::function<void(bool)> done);

private:
    struct Lookup {
        HostAnswer found;
        unsigned outstanding = 0;
        std::vector<std::function<void(const HostAnswer&)>> waiters;
    };
    void ask(const std::string& host, std::uint16_t type);
    std::optional<Bytes> ask_upstream(const Name& name, std::uint16_t type, std::uint64_t ticket);
    void take(std::uint64_t ticket, Bytes reply);
    void perform();

    Random& random_;
    WorkerCounters own_;          ///< kept apart from the clients' figures
    std::shared_ptr<const Rules> rules_ = std::make_shared<Rules>();
    std::map<std::string, Lookup> lookups_;
    std::map<std::uint64_t, std::pair<std::string, std::uint16_t>> tickets_;
    std::map<std::uint64_t, std::function<void(bool)>> probes_;
    std::uint64_t next_ticket_ = 1;
    Actions actions_;
    MessageBuffer buffer_;
    Forward forward_;
    Timer tick_;
    std::unique_ptr<Links> links_;
    AttemptId next_loop_ = loop_bit;
    std::vector<AttemptId> loops_;                ///< open, until the next turn of the timer
    Timer end_loops_;
    static constexpr AttemptId loop_bit = AttemptId{1} << 63;   ///< attempts of the forwarding core never reach it
};

}  // namespace lictor
