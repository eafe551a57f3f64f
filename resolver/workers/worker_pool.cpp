// Calls each worker and adds up their reports.
#include "resolver/workers/worker_pool.hpp"

#include <algorithm>
#include <chrono>

#include "conf/options/options.hpp"
#include "resolver/process/this_process.hpp"

namespace lictor::workers {
namespace {

constexpr double heartbeat_age_max_seconds = 2.0;

}  // namespace

void WorkerPool::start(Setup setup, const conf::Options& options, const ViewBoard& board, Mailbox& mailbox) {
    if (setup.dump) setup.dump->start();
    if (setup.tap) setup.tap->start();
    const Random::Seed cookie_secret = process::kernel_seed();
    for (unsigned i = 0; i < setup.sockets.size(); ++i) {
        Worker::Setup one;
        one.number = i;
        one.sockets = std::move(setup.sockets[i]);
        one.seed = process::kernel_seed();
        one.cookie_secret = cookie_secret;
        one.dump = setup.dump;
        one.tap = setup.tap;
        one.port = options.port;
        one.memory = setup.memory;
        if (options.max_tcp_connections) one.tcp.connections = std::max<std::size_t>(1, *options.max_tcp_connections / options.threads);
        // Upstream sockets share what remains after a reserve for TCP clients and Consul.
        one.attempts_max =
            std::max<std::size_t>(64, (setup.descriptors - std::min<std::size_t>(setup.descriptors / 2, 1500)) / options.threads);
        one.request = [&mailbox](const catalog::Need& need) { mailbox.request(need); };
        one.sampled = [&mailbox](const answer::Sampled& sample) { mailbox.sampled(sample); };
        one.loop_found = [&mailbox](const Endpoint& upstream) { mailbox.loop_found(upstream); };
        one.done = [&mailbox](OrderResult result) { mailbox.done(std::move(result)); };
        one.seen = [&mailbox] { mailbox.seen(); };
        one.listed = setup.listed;
        one.others = [this, i] {
            core::Totals totals;
            for (std::size_t other = 0; other < workers_.size(); ++other) {
                if (other == i) continue;
                totals.counters.push_back(&workers_[other]->counters());
                for (const auto& report : workers_[other]->upstreams()) totals.upstreams.push_back(report);
            }
            return totals;
        };
        workers_.push_back(std::make_unique<Worker>(std::move(one), board));
    }
    for (const auto& worker : workers_) worker->start();
}

void WorkerPool::wake() {
    for (const auto& worker : workers_) worker->wake();
}

void WorkerPool::flush(const std::optional<wire::Name>& suffix, std::uint64_t order) {
    for (const auto& worker : workers_) worker->flush(suffix, order);
}

void WorkerPool::explain(const wire::Name& name, std::uint16_t type, std::uint64_t order) {
    for (const auto& worker : workers_) worker->explain(name, type, order);
}

void WorkerPool::list_cache(std::size_t rows_max) {
    for (const auto& worker : workers_) worker->list_cache(rows_max);
}

void WorkerPool::rebind(std::vector<std::vector<net::BoundSocket>> added, const std::vector<Endpoint>& keep) {
    for (std::size_t i = 0; i < workers_.size(); ++i) workers_[i]->rebind(std::move(added[i]), keep);
}

void WorkerPool::stop() {
    for (const auto& worker : workers_) worker->stop();
}

bool WorkerPool::all_ended() const {
    return std::all_of(workers_.begin(), workers_.end(), [](const auto& worker) { return worker->ended(); });
}

bool WorkerPool::join() {
    for (const auto& worker : workers_)
        if (worker->ended()) worker->join();
    return all_ended();
}

std::vector<std::uint64_t> WorkerPool::generations_seen() const {
    std::vector<std::uint64_t> seen;
    for (const auto& worker : workers_)
        if (!worker->ended()) seen.push_back(worker->generation_seen());
    return seen;
}

bool WorkerPool::healthy(Now now) const {
    return std::all_of(workers_.begin(), workers_.end(), [&](const auto& worker) {
        return std::chrono::duration<double>(now - worker->last_beat()).count() <= heartbeat_age_max_seconds;
    });
}

void WorkerPool::report(documents::Status& status) const {
    status.healthy = healthy(status.now);
    for (const auto& worker : workers_) {
        status.workers.push_back(&worker->counters());
        const double age = std::chrono::duration<double>(status.now - worker->last_beat()).count();
        status.heartbeat_age_seconds.push_back(age);
    }
    status.upstreams = upstream_reports();
}

std::vector<forward::UpstreamReport> WorkerPool::upstream_reports() const {
    std::vector<forward::UpstreamReport> sums;
    for (const auto& worker : workers_)
        for (const auto& report : worker->upstreams()) forward::add_report(sums, report);
    return sums;
}

void WorkerPool::add_memory(budget::Report& report) const {
    for (const auto& worker : workers_) report.add(worker->counters().memory);
}

documents::HistorySample WorkerPool::history_sample() const {
    documents::HistorySample sample;
    for (const auto& worker : workers_) {
        const auto& counters = worker->counters();
        sample.queries += counters.queries_udp.get() + counters.queries_tcp.get();
        sample.failures += counters.rcode_servfail.get();
        sample.cache_hits += counters.cache_hits.get();
        sample.cache_misses += counters.cache_misses.get();
        sample.held += counters.held.get();
        sample.waiting += counters.waiting.get();
        for (const auto& report : worker->upstreams())
            if (!report.failing && report.rtt.count() > 0 && (sample.rtt.count() == 0 || report.rtt < sample.rtt)) sample.rtt = report.rtt;
    }
    return sample;
}

}  // namespace lictor::workers
