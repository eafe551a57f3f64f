// Hands everything on to each worker; sums up what they say.
#include "resolver/crew.hpp"

#include <algorithm>
#include <chrono>

#include "resolver/own_process.hpp"

namespace lictor {
namespace {

constexpr double heart_stopped_seconds = 2.0;

void add_to(std::vector<UpstreamReport>& sums, const UpstreamReport& report) {
    const auto same = std::find_if(sums.begin(), sums.end(), [&](const auto& row) { return row.endpoint == report.endpoint; });
    if (same == sums.end()) {
        sums.push_back(report);
        return;
    }
    same->sent += report.sent;
    same->answered += report.answered;
    same->failed += report.failed;
    same->timeouts += report.timeouts;
    same->refused += report.refused;
    same->nxdomain += report.nxdomain;
    same->rtt = std::max(same->rtt, report.rtt);
    same->down = same->down || report.down;
}

}  // namespace

void Crew::start(Setup setup, const Options& options, const ViewBoard& board, Mailbox& mailbox) {
    if (setup.dump) setup.dump->start();
    for (unsigned i = 0; i < setup.sockets.size(); ++i) {
        Worker::Setup one;
        one.number = i;
        one.sockets = std::move(setup.sockets[i]);
        one.seed = kernel_seed();
        one.dump = setup.dump;
        one.port = options.port;
        if (options.max_tcp_connections) one.tcp.connections = std::max<std::size_t>(1, *options.max_tcp_connections / options.threads);
        // Room for clients over TCP and for Consul stays; what is left is the workers' upstream sockets.
        one.attempts_max = std::max<std::size_t>(64, (setup.descriptors - std::min<std::size_t>(setup.descriptors / 2, 1500)) / options.threads);
        one.want = [&mailbox](const Need& need) { mailbox.want(need); };
        one.sampled = [&mailbox](const Sampled& sample) { mailbox.sampled(sample); };
        one.loop_found = [&mailbox](const Endpoint& upstream) { mailbox.loop_found(upstream); };
        one.seen = [&mailbox] { mailbox.seen(); };
        one.listed = setup.listed;
        one.others = [this, i] {
            Tally tally;
            for (std::size_t other = 0; other < workers_.size(); ++other) {
                if (other == i) continue;
                tally.counters.push_back(&workers_[other]->counters());
                for (auto& report : workers_[other]->upstreams()) tally.upstreams.push_back(std::move(report));
            }
            return tally;
        };
        workers_.push_back(std::make_unique<Worker>(std::move(one), board));
    }
    for (const auto& worker : workers_) worker->start();
}

void Crew::wake() {
    for (const auto& worker : workers_) worker->wake();
}

void Crew::flush(const std::optional<Name>& suffix) {
    for (const auto& worker : workers_) worker->flush(suffix);
}

void Crew::list_cache(std::size_t most) {
    for (const auto& worker : workers_) worker->list_cache(most);
}

void Crew::rebind(std::vector<std::vector<BoundSocket>> added, const std::vector<Endpoint>& keep) {
    for (std::size_t i = 0; i < workers_.size(); ++i) workers_[i]->rebind(std::move(added[i]), keep);
}

void Crew::stop() {
    for (const auto& worker : workers_) worker->stop();
}

bool Crew::all_ended() const {
    return std::all_of(workers_.begin(), workers_.end(), [](const auto& worker) { return worker->ended(); });
}

bool Crew::join() {
    for (const auto& worker : workers_)
        if (worker->ended()) worker->join();
    return all_ended();
}

std::vector<std::uint64_t> Crew::generations_seen() const {
    std::vector<std::uint64_t> seen;
    for (const auto& worker : workers_)
        if (!worker->ended()) seen.push_back(worker->generation_seen());
    return seen;
}

void Crew::report(Status& status) const {
    status.healthy = true;
    for (const auto& worker : workers_) {
        status.workers.push_back(&worker->counters());
        const double age = std::chrono::duration<double>(status.now - worker->last_beat()).count();
        status.heartbeat_age_seconds.push_back(age);
        if (age > heart_stopped_seconds) status.healthy = false;
        for (const auto& report : worker->upstreams()) add_to(status.upstreams, report);
    }
}

}  // namespace lictor
